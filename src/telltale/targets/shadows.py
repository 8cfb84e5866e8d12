"""Shadow models: what models answer whose training records the attacker knows, for it to compare a target with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telltale.data.given import Given


@dataclass(frozen=True, eq=False)
class Table:
    """What the attacker holds: records of which it does not know who was in the target, and some that were not.

    challenge  the records judged, without membership; rows: where they lie in the data set, which has `total` records
    held       the population
    seed       of all that is drawn
    """

    challenge: Given
    rows: np.ndarray
    total: int
    held: Given
    seed: int


@dataclass(frozen=True, eq=False)
class Shadows:
    """What shadow models answered.

    answers     (shadows, points, …), as the target's; population: (shadows, held, …)
    membership  (shadows, points) bool, what each was trained on
    told        how they came about
    named       (shadows) the option that each is of, and its value, for messages
    """

    answers: np.ndarray
    population: np.ndarray
    membership: np.ndarray
    told: str
    named: tuple[tuple[str, str], ...] = ()
