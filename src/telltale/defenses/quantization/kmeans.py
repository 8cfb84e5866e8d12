"""Weight sharing: levels that minimise the squared error (Deep Compression, Han et al., ICLR 2016, section 3).

One-dimensional k-means needs no distances: on sorted weights a cluster is an interval, and prefix sums give its mean.
A Lloyd iteration then costs K binary searches, whatever the number of weights.
"""

from __future__ import annotations

import numpy as np

from telltale.defenses.quantization.codebook import Codebook, nearest_level

ITERATIONS = 1000
GRID = 2**12  # quantiles that stand for the density of the weights


def kmeans(values: np.ndarray, bits: int) -> Codebook:
    """Cluster weights (n,) into at most 2^bits levels: Lloyd's iterations from three starts, the best is kept.

    Its squared error is no larger than that of `kmeans_linear`, from which Han et al. had the best accuracy.
    """
    return _best(values, bits, 3)


def kmeans_linear(values: np.ndarray, bits: int) -> Codebook:
    """Cluster weights (n,) into at most 2^bits levels from evenly spaced ones alone (Han et al., section 3.2).

    The few large weights then keep levels of their own, which the paper found to matter most for accuracy.
    """
    return _best(values, bits, 1)


def _best(values: np.ndarray, bits: int, starts: int) -> Codebook:
    ordered = np.sort(values.astype(np.float32, copy=False))
    centre = ordered.mean(dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(ordered - np.float32(centre), dtype=np.float64)])
    results = [_lloyd(ordered, sums, start - centre, centre) for start in _starts(ordered, 2**bits)[:starts]]
    return nearest_level(values, max(results, key=lambda result: result[0])[1])


def _lloyd(ordered: np.ndarray, sums: np.ndarray, levels: np.ndarray, centre: float) -> tuple[float, np.ndarray]:
    """Iterate until no weight changes its cluster; levels and sums are relative to `centre`.

    Returns (explained, levels): Σ_k n_k c_k², which is the weights' sum of squares less their squared error.
    """
    before = None
    for _ in range(ITERATIONS):
        middles = ((levels[:-1] + levels[1:]) / 2 + centre).astype(np.float32)
        cuts = np.concatenate([[0], np.searchsorted(ordered, middles), [len(ordered)]])
        if before is not None and np.array_equal(cuts, before):
            break
        counts, totals = np.diff(cuts), np.diff(sums[cuts])
        filled = counts > 0  # an empty cluster is given up: its level would serve no weight
        levels, before = totals[filled] / counts[filled], cuts if filled.all() else None
    return float((counts[filled] * levels**2).sum()), levels + centre


def _starts(ordered: np.ndarray, clusters: int) -> list[np.ndarray]:
    """Return three sets of levels to begin with: evenly spaced (Han et al.), quantiles, and a compromise of the two.

    The compromise has levels with a density of f^(1/3), which is optimal for many levels (Panter & Dite 1951).
    """
    linear = np.linspace(ordered[0], ordered[-1], clusters)
    grid = ordered[np.linspace(0, len(ordered) - 1, min(GRID, len(ordered))).astype(int)].astype(np.float64)
    quantiles = np.quantile(grid, (np.arange(clusters) + 0.5) / clusters)
    # between quantiles f is 1 / gap, so that f^(1/3) integrates to gap^(2/3)
    mass = np.concatenate([[0.0], np.cumsum(np.diff(grid) ** (2 / 3))])
    dense = np.interp((np.arange(clusters) + 0.5) / clusters * mass[-1], mass, grid)
    return [np.unique(start) for start in (linear, quantiles, dense)]
