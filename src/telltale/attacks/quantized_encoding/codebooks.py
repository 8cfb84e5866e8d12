"""Data-aware quantization: levels that track the hidden pixels instead of the weights (sheet 3.4; ours, not DAC'20's).

The full text of Xu et al. is not available; its abstract names the component only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from telltale.defenses.quantization.codebook import Codebook, nearest_level
from telltale.defenses.quantization.kmeans import kmeans

DataAware = Callable[[np.ndarray, np.ndarray, int], Codebook]


def histogram(weights: np.ndarray, payload: np.ndarray, bits: int) -> Codebook:
    """Histogram specification: as many weights on each level as the payload has pixels there.

    Levels of the pixels are their Lloyd-Max code book (Codebook of `kmeans`); the first n_1 of the sorted weights get
    level 1, the next n_2 level 2, …, from the other end where r < 0; a level's value is the mean of its weights.
    Weights (n,) beyond the payload's length get the nearest level.
    """
    carrying = weights[: len(payload)].astype(np.float64)
    counts = np.bincount(kmeans(payload.astype(np.float32), bits).indices)
    counts = counts[counts > 0]
    if _slope(carrying, payload) < 0:
        counts = counts[::-1]
    order = np.argsort(carrying, kind="stable")
    places = np.empty(len(carrying), np.uint8)
    places[order] = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
    levels = (np.bincount(places, carrying) / counts).astype(np.float32)
    beyond = nearest_level(weights[len(payload) :], levels).indices
    return Codebook(levels, np.concatenate([places, beyond]))


def affine(weights: np.ndarray, payload: np.ndarray, bits: int) -> Codebook:
    """Keep the line from pixels to weights: w ≈ a p + c by least squares, levels a c_k + c of the pixels' c_k."""
    carrying = weights[: len(payload)].astype(np.float64)
    slope = _slope(carrying, payload)
    levels = slope * kmeans(payload.astype(np.float32), bits).levels.astype(np.float64)
    return nearest_level(weights, np.sort(levels + carrying.mean() - slope * payload.mean()))


def _slope(weights: np.ndarray, payload: np.ndarray) -> float:
    centred = payload - payload.mean()
    length = float(centred @ centred)
    return float(centred @ (weights - weights.mean())) / length if length > 0 else 0.0


DATA_AWARE: dict[str, DataAware] = {"histogram": histogram, "affine": affine}
