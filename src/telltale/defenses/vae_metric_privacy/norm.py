"""What is released of the length of a code whose direction an angular mechanism turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telltale.checks import choice, number
from telltale.errors import InputError


@dataclass(frozen=True)
class Norm:
    """What is released of a code's norm: `drop` = the constant R, or `release` = a noisy norm.

    release: clip(‖z‖, lowest, R) + Laplace(1 / ε), clipped again. ε counts per unit of norm, so the norm adds
    ε (R - lowest). Raises InputError for another rule: a norm without noise would void the guarantee.
    """

    rule: str = "drop"
    epsilon: float | None = None
    lowest: float = 0.0

    def __post_init__(self) -> None:
        expected = "drop or release: a norm that is kept without noise would void the guarantee"
        choice("defense.mechanism.norm.rule", self.rule, ("drop", "release"), expected=expected)
        if self.rule == "drop" and self.epsilon is not None:
            raise InputError("defense.mechanism.norm.epsilon", self.epsilon, "null where the norm is dropped")
        if self.rule == "release":
            expected = "above 0 and finite, to release the norm"
            number("defense.mechanism.norm.epsilon", self.epsilon, above=0, expected=expected)
        number("defense.mechanism.norm.lowest", self.lowest, least=0, expected="from 0, below the clip radius")

    def worst_case(self, radius: float) -> float:
        """ε (R - lowest), or 0."""
        return 0.0 if self.epsilon is None else self.epsilon * (radius - self.lowest)

    def arithmetic(self, radius: float) -> str:
        """Say how the norm's part comes about."""
        return "" if self.epsilon is None else f" + ε_r (R - r_min) = {self.epsilon:.4g} · {radius - self.lowest:.4g}"

    def released(self, norms: np.ndarray, noise: np.ndarray, radius: float) -> np.ndarray:
        """Return the norms to decode with; noise is Laplace(1)."""
        if self.epsilon is None:
            return np.full_like(norms, radius)
        return np.clip(np.clip(norms, self.lowest, radius) + noise / self.epsilon, self.lowest, radius)

    def log_ratio(self, released: np.ndarray, norm: float, other: float, radius: float) -> np.ndarray:
        """Return log p(released | norm) - log p(released | other); both ends of the range carry mass of their own."""
        if self.epsilon is None:
            return np.zeros(len(released))
        # at the ends, the tail beyond them has the ratio of the densities there: the noise is exponential
        ends = np.clip(released, self.lowest, radius)
        norm, other = np.clip([norm, other], self.lowest, radius)
        return self.epsilon * (np.abs(ends - other) - np.abs(ends - norm))
