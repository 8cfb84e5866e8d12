"""A code book: the few levels that weights are stored as, and which of them each weight has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Codebook:
    """levels: (K,) float32, K at most 256; indices: (weights,) uint8, the level of each weight."""

    levels: np.ndarray
    indices: np.ndarray

    def values(self) -> np.ndarray:
        """Return the weights as they are after storing: (weights,) float32."""
        return self.levels[self.indices]


Quantizer = Callable[[np.ndarray, int], Codebook]  # weights (n,) float32, bits -> at most 2^bits levels


def nearest_level(values: np.ndarray, levels: np.ndarray) -> Codebook:
    """Give each value the nearest of sorted `levels`; one in the middle goes to the upper."""
    levels = levels.astype(np.float32)
    middles = levels[:-1] / 2 + levels[1:] / 2
    return Codebook(levels, np.searchsorted(middles, values, side="right").astype(np.uint8))


def distortion(values: np.ndarray, codebook: Codebook) -> float:
    """Mean squared difference between weights and what is stored of them."""
    return float(np.square(values - codebook.values(), dtype=np.float64).mean())
