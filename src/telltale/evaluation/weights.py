"""Bootstrap weights of the items of a ranking: a whole array, or a product that is made a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BLOCK = 2**18  # weights handled at once: what ranking makes of them (about 8 MB) then stays in the processor's cache

CHUNK = 2**20  # draws made at once, 8 MB


@dataclass(frozen=True)
class CrossedWeights:
    """Weights of all victims' items, (1 + replicates, victims * items), never made as a whole.

    victims: (1 + replicates, victims); items: (1 + replicates, items), the same for every victim; the weight of an
    item of a victim is the product of both. Integer counts; row 0 is ones.
    """

    victims: np.ndarray
    items: np.ndarray

    def __len__(self) -> int:
        """Count the rows: one for the data as it is, one a replicate."""
        return len(self.items)


Weights = np.ndarray | CrossedWeights


def blocks(weights: Weights, order: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the weights of the items in `order`, some rows at a time: each (rows, len(order))."""
    step = max(1, BLOCK // max(1, len(order)))
    if isinstance(weights, np.ndarray):
        for at in range(0, len(weights), step):
            yield np.take(weights[at : at + step], order, axis=1)
        return
    victim, item = np.divmod(order, weights.items.shape[1])
    victims, items = weights.victims.astype(np.int32), weights.items.astype(np.int32)
    for at in range(0, len(weights), step):
        yield np.take(victims[at : at + step], victim, axis=1) * np.take(items[at : at + step], item, axis=1)


def totals(weights: Weights, chosen: np.ndarray) -> np.ndarray:
    """Return the weight of the chosen items in each row, (rows,); chosen: (items,) bool."""
    chosen = np.asarray(chosen, dtype=float)
    if isinstance(weights, np.ndarray):
        return np.concatenate([block.astype(float) @ chosen for block in blocks(weights, np.arange(len(chosen)))])
    table = chosen.reshape(weights.victims.shape[1], -1)
    return np.einsum("ij,ij->i", weights.victims.astype(float) @ table, weights.items.astype(float))


def draws(rng: np.random.Generator, clusters: int, replicates: int) -> np.ndarray:
    """Multinomial counts (replicates, clusters): uint16, because plans over many points are large."""
    counts = np.empty((replicates, clusters), dtype=np.uint16)
    step = max(1, CHUNK // max(1, clusters))
    for at in range(0, replicates, step):
        size = min(step, replicates - at)
        drawn = rng.integers(clusters, size=(size, clusters)) + clusters * np.arange(size)[:, None]
        counts[at : at + size] = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)
    return counts
