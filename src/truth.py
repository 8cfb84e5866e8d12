"""Who was in which model: sealed in the game until the evidence is in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.data.records import Records


@dataclass(frozen=True)
class Truth:
    """What the evaluation may know and the attack may not.

    membership: (victims, challenge points) bool; members: training records of each victim; disjoint: training
    records of the disjoint control, possibly none.
    """

    membership: np.ndarray
    members: tuple[Records, ...]
    disjoint: Records
