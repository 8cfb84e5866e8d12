"""Rounding: answers with a few decimals (Shokri et al. 2017, section VIII-A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from telltale.checks import whole_number
from telltale.owner.defense import Defense, Stage


@dataclass(frozen=True)
class Rounding(Defense):
    """Probabilities and embeddings rounded to `decimals`, half to even.

    Rounded probabilities are divided by their sum, so that an answer stays a distribution; the sum is computed from the
    rounded ones and tells nothing more. Every class gets 1/K where all round to zero. A label is the first of the
    largest rounded probabilities: a tie may change it, but too seldom to count as protected. Embeddings are rounded in
    their own unit. Ties at 0 and 1 hurt an attack that fits densities (LiRA) more than one that compares probabilities
    (RMIA): judge by both. Raises InputError for decimals below 0.
    """

    stage: ClassVar[Stage] = "answer"
    protects: ClassVar[frozenset[str]] = frozenset({"probabilities", "embeddings"})
    decimals: int = 1

    def __post_init__(self) -> None:
        whole_number("defense.decimals", self.decimals, 0, 16)

    def answer(self, call: str, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Round: (records, classes or width) -> the same."""
        if call == "embeddings":
            return np.round(values, self.decimals)
        return rounded(values, self.decimals) if call in ("probabilities", "labels") else values


def rounded(probabilities: np.ndarray, decimals: int) -> np.ndarray:
    """Round distributions and normalise them again: (records, classes) -> the same."""
    rounded_values = np.round(probabilities, decimals)
    total = rounded_values.sum(1, keepdims=True)
    return np.where(total > 0, rounded_values / np.where(total > 0, total, 1.0), 1 / probabilities.shape[1])
