"""Query limit: a client gets answers for so many records of a model, and for no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from telltale.checks import whole_number
from telltale.owner.defense import Defense, Stage


@dataclass(frozen=True)
class QueryLimit(Defense):
    """At most `queries` records are answered, a record that is asked for again counted again; answers are unchanged.

    The limit is each attacker's own: several under other names have several. Shadow models are the attacker's and
    know no limit. `attack=molextract` and `embedding_membership` spend it on as many candidates or points as it
    allows and guess the rest; an attack that does not spare its questions ends where the limit is passed. Raises
    InputError for fewer than one.
    """

    stage: ClassVar[Stage] = "answer"
    queries: int = 1000

    def __post_init__(self) -> None:
        whole_number("defense.queries", self.queries)

    def answer(self, call: str, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return the answer as it is: who asks too much is stopped before (`Release.budget`)."""
        return values


def limit_of(defenses: Iterable[Defense]) -> int | None:
    """Return the smallest limit among defences, None where there is none."""
    return min((one.queries for one in defenses if isinstance(one, QueryLimit)), default=None)
