"""Bootstrap weights: how they are drawn, and taken some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 2**18  # weights handled at once: what ranking makes of them (about 8 MB) then stays in the processor's cache
CHUNK = 2**20  # draws made at once, 8 MB


def blocks(weights: np.ndarray, order: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the weights of the items in `order`, some rows at a time: each (rows, len(order))."""
    step = max(1, BLOCK // max(1, len(order)))
    for at in range(0, len(weights), step):
        yield np.take(weights[at : at + step], order, axis=1)


def totals(weights: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the weight of the chosen items in each row, (rows,); chosen: (items,) bool."""
    chosen = np.asarray(chosen, dtype=float)
    return np.concatenate([block.astype(float) @ chosen for block in blocks(weights, np.arange(len(chosen)))])


def draws_of_cells(rng: np.random.Generator, clusters: int, replicates: int) -> np.ndarray:
    """Return the same counts as `draws` in a byte each, since a plan keeps them for every group of victims."""
    return draws(rng, clusters, replicates).astype(np.uint8)


def draws(rng: np.random.Generator, clusters: int, replicates: int) -> np.ndarray:
    """Multinomial counts (replicates, clusters): uint16, because plans over many points are large."""
    counts = np.empty((replicates, clusters), dtype=np.uint16)
    step = max(1, CHUNK // max(1, clusters))
    for at in range(0, replicates, step):
        size = min(step, replicates - at)
        drawn = rng.integers(clusters, size=(size, clusters)) + clusters * np.arange(size)[:, None]
        counts[at : at + size] = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)
    return counts
