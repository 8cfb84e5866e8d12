"""Shadow models: what models answer whose training records the attacker knows, for it to compare a target with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from telltale.data.given import Given
from telltale.errors import InputError

Copies = Callable[[Any], list[Any]]  # of inputs: as many inputs of the same kind as each record has copies


@dataclass(frozen=True, eq=False)
class Table:
    """What the attacker holds: records of which it does not know who was in the target, and some that were not.

    challenge  the records judged, without membership; rows: where they lie in the data set, which has `total` records
    held       the population
    seed       of all that is drawn
    copies     makes changed copies of records, of which encoders are asked too; None = they are not
    """

    challenge: Given
    rows: np.ndarray
    total: int
    held: Given
    seed: int
    copies: Copies | None = None


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

    @classmethod
    def of(
        cls,
        answers: Sequence[np.ndarray],
        population: Sequence[np.ndarray],
        membership: np.ndarray,
        told: str,
        named: Sequence[tuple[str, str]],
    ) -> Self:
        """Put the answers of shadow models together. Raises InputError, naming one that answers in another shape."""
        for said, (field, value) in zip(answers, named, strict=True):
            if said.shape != answers[0].shape:
                shown = f"answers with an array {said.shape}, and the one before it with {answers[0].shape}"
                raise InputError(field, value, shown)
        return cls(np.stack(answers), np.stack(population), membership, told, tuple(named))
