"""Weighted-entropy quantization: few levels near zero, where weights matter little (Park, Ahn & Yoo, CVPR 2017)."""

from __future__ import annotations

import numpy as np

from telltale.defenses.quantization.codebook import Codebook

TRIALS = 33  # positions tried for a boundary between its neighbours, and as many close to where it is
SWEEPS = 200


def weighted_entropy(values: np.ndarray, bits: int) -> Codebook:
    """Cluster weights by importance i(w) = w², half of the 2^bits levels for each sign.

    Boundaries over weights sorted by importance maximise  S = -Σ_n I_n P_n log P_n,  P_n a cluster's share of the
    weights, I_n their mean importance; the level of a cluster is ±sqrt(I_n).
    """
    values = values.astype(np.float32, copy=False)
    negative = values < 0
    levels, indices = np.empty(0, np.float32), np.empty(len(values), np.uint8)
    for sign, of_sign in ((-1, negative), (1, ~negative)):
        magnitudes = np.abs(values[of_sign])
        if len(magnitudes):
            levels_of_sign, places = clusters(magnitudes, 2 ** (bits - 1))
            indices[of_sign] = places + len(levels)
            levels = np.concatenate([levels, sign * levels_of_sign])
    return Codebook(levels, indices)


def clusters(magnitudes: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels of |w| and which each has: (n,) -> (at most number,) float32, (n,) uint8."""
    ordered = np.sort(magnitudes)
    sums = np.concatenate([[0.0], np.cumsum(np.square(ordered), dtype=np.float64)])
    cuts = _boundaries(sums, min(number, len(ordered)))
    borders = np.unique(ordered[cuts[1:-1]])  # equal weights lie on one side
    borders = borders[borders > ordered[0]]
    cuts = np.concatenate([[0], np.searchsorted(ordered, borders), [len(ordered)]])
    levels = np.sqrt(np.diff(sums[cuts]) / np.diff(cuts)).astype(np.float32)
    return levels, np.searchsorted(borders, magnitudes, side="right").astype(np.uint8)


def _boundaries(sums: np.ndarray, clusters: int) -> np.ndarray:
    """Move boundaries between their neighbours until S grows no more: (1 + n,) prefix sums -> (clusters + 1,) cuts.

    With prefix sums of w² a trial costs O(1). Every second boundary moves at once: they share no cluster.
    """
    n = len(sums) - 1
    cuts = np.linspace(0, n, clusters + 1).astype(int)
    for _ in range(SWEEPS):
        before = cuts.copy()
        for first in (1, 2):
            places = np.arange(first, clusters, 2)
            if len(places):
                cuts[places] = _moved(sums, cuts[places - 1], cuts[places], cuts[places + 1])
        if np.array_equal(cuts, before):
            break
    return cuts


def _moved(sums: np.ndarray, low: np.ndarray, here: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the best trial position of each boundary, (boundaries,), its present one among them."""
    steps, width = np.linspace(0, 1, TRIALS)[:, None], (high - low) / (TRIALS - 1)
    far, near = low + steps * (high - low), here + (2 * steps - 1) * width
    trials = np.concatenate([here[None], np.round(far).astype(int), np.round(near).astype(int)])
    trials = np.clip(trials, low + 1, high - 1)
    gain = _entropy(sums, low, trials) + _entropy(sums, trials, high)
    return np.take_along_axis(trials, gain.argmax(0)[None], 0)[0]


def _entropy(sums: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return n times -I P log P of clusters, whose I P is their sum of w² over n."""
    return -(sums[stop] - sums[start]) * np.log((stop - start) / (len(sums) - 1))
