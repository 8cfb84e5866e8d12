"""The label beside a synthetic row: copied, which hides nothing, or randomised response (Warner 1965)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from telltale.checks import choice, number
from telltale.data.seeds import generator
from telltale.defenses.vae_metric_privacy.mechanism import BLOCK, blocks
from telltale.defenses.vae_metric_privacy.trade_off import NOTHING, Law
from telltale.errors import InputError

MODES = ("copy", "randomized_response")


@dataclass(frozen=True)
class Labels:
    """How labels are released: mode `copy`, or `randomized_response` with its own epsilon, per record and copy.

    Raises InputError for another mode, ε not above 0, or an ε that nothing would use.
    """

    mode: str = "copy"
    epsilon: float | None = None

    def __post_init__(self) -> None:
        choice("defense.labels.mode", self.mode, MODES)
        if self.mode == "copy" and self.epsilon is not None:
            raise InputError("defense.labels.epsilon", self.epsilon, "null where labels are copied")
        if self.mode != "copy":
            expected = "above 0: what randomised response may spend"
            number("defense.labels.epsilon", self.epsilon, above=0, infinite=True, expected=expected)

    @property
    def covered(self) -> bool:
        """Whether anything is promised about a label."""
        return self.mode != "copy" and not math.isinf(self.worst_case)

    @property
    def worst_case(self) -> float:
        """e = ε between two different labels, infinite where they are copied."""
        return math.inf if self.epsilon is None else self.epsilon

    def kept(self, classes: int) -> float:
        """P[y stays] = e^ε / (e^ε + K - 1)."""
        return 1.0 if self.epsilon is None else 1 / (1 + (classes - 1) * math.exp(-self.epsilon))

    def perturb(self, labels: np.ndarray, classes: int, seed: int, first: int = 0) -> np.ndarray:
        """Release labels 0 … classes - 1: (records,) -> the same shape and type; `first` as for codes.

        A label that does not stay becomes each other class with equal probability.
        """
        if self.epsilon is None or classes < 2:
            return labels
        out = np.empty_like(labels)
        for block, inside, rows in blocks(first, len(labels)):
            rng = generator(seed, "label noise", block)
            stays, steps = rng.random(BLOCK) < self.kept(classes), rng.integers(1, classes, BLOCK)
            out[rows] = (labels[rows] + np.where(stays, 0, steps)[inside]) % classes
        return out

    def log_ratio(self, released: np.ndarray, label: int, other: int) -> np.ndarray:
        """Return log P[released | label] - log P[released | other], ± ε or 0: (records,) -> (records,)."""
        if label == other:
            return np.zeros(len(released))
        difference = (released == label).astype(float) - (released == other)
        return np.where(difference == 0, 0.0, difference * self.worst_case)

    def law(self, classes: int, copies: int = 1) -> Law:
        """Return the law of the log-likelihood ratio of two different labels; of equal ones where not covered."""
        if not self.covered or classes < 2:
            return NOTHING
        kept = self.kept(classes)
        changed = (1 - kept) / (classes - 1)
        probabilities = np.ones(1)
        for _ in range(copies):
            probabilities = np.convolve(probabilities, [changed, 1 - kept - changed, kept])
        return self.worst_case * np.arange(-copies, copies + 1), probabilities
