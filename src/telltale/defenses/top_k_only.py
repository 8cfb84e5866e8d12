"""Top k only: the k largest class probabilities are shown (Shokri et al. 2017, section VIII-A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from telltale.checks import whole_number
from telltale.owner.defense import Defense, Stage


@dataclass(frozen=True)
class TopKOnly(Defense):
    """The k largest probabilities as they are; the other classes share what is left equally.

    An answer stays a distribution and tells what a list of k classes with their probabilities tells. The class with
    the lower number comes first among equals. Only `probabilities` changes: the most probable class stays so, and
    embeddings are answered as they are. Nothing changes with k classes or fewer. Raises InputError for k below 1.
    """

    stage: ClassVar[Stage] = "answer"
    protects: ClassVar[frozenset[str]] = frozenset({"probabilities"})
    k: int = 1

    def __post_init__(self) -> None:
        whole_number("defense.k", self.k)

    def answer(self, call: str, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Spread the rest: (records, classes) -> the same."""
        return top_k(values, self.k) if call in self.protects else values


def top_k(probabilities: np.ndarray, k: int) -> np.ndarray:
    """Replace all but the k largest of each row by their mean: (records, classes) -> the same."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    hidden = order[:, k:]
    answer = probabilities.copy()
    if hidden.shape[1]:
        rest = np.take_along_axis(probabilities, hidden, 1).mean(1, keepdims=True)
        np.put_along_axis(answer, hidden, rest, 1)
    return answer
