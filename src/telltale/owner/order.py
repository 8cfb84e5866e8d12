"""One model to be trained, as the owner orders it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from telltale.owner.defense import Defense
from telltale.owner.release import Release


@dataclass(frozen=True)
class Order:
    """One model to be trained in a fleet.

    name        for people
    seed        of weights, order and all that is drawn
    rows        of the pool: its records, in the order of training
    document    what makes its weights, as plain values: hashed, its key in the store
    parent      the release that it starts from
    stages      its code, of which data stages make other records of these
    """

    name: str
    seed: int
    rows: np.ndarray
    document: Mapping[str, Any]
    parent: Release | None = None
    stages: tuple[Defense, ...] = ()
