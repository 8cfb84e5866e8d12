"""Top dimensions: an embedding's k coordinates that are farthest from zero are shown, the others are zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from telltale.checks import whole_number
from telltale.owner.defense import Defense, Stage


@dataclass(frozen=True)
class TopDimensions(Defense):
    """The k coordinates of largest absolute value as they are, each record its own; zeros in place of the others.

    Of all embeddings with k coordinates that are not zero this one is nearest. Which coordinates are shown is told
    too: a caller learns that the others are smaller. The first comes first among equals. Only `embeddings` changes,
    and nothing where there are k coordinates or fewer. Raises InputError for k below 1.
    """

    stage: ClassVar[Stage] = "answer"
    protects: ClassVar[frozenset[str]] = frozenset({"embeddings"})
    k: int = 16

    def __post_init__(self) -> None:
        whole_number("defense.k", self.k)

    def answer(self, call: str, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Keep the largest: (records, width) -> the same."""
        return largest(values, self.k) if call in self.protects else values


def largest(values: np.ndarray, k: int) -> np.ndarray:
    """Return rows with zeros in all but their k entries of largest absolute value: (records, width) -> the same.

    >>> largest(np.array([[1.0, -3.0, 2.0]]), 2)
    array([[ 0., -3.,  2.]])
    """
    hidden = np.argsort(-np.abs(values), axis=1, kind="stable")[:, k:]
    answer = values.copy()
    np.put_along_axis(answer, hidden, 0, 1)
    return answer
