"""Ranks with ties, without the second that it takes to load SciPy's statistics."""

from __future__ import annotations

import numpy as np


def average_ranks(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Rank values along an axis from 1, equal ones by their mean rank: the same shape, float64.

    A row with a NaN has no ranks, NaN throughout; as scipy.stats.rankdata has it.

    >>> average_ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    rows = np.moveaxis(np.asarray(values, dtype=float), axis, -1)
    order = np.argsort(rows, axis=-1)
    first, last = runs(np.take_along_axis(rows, order, -1))
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, -1)
    ranks[np.isnan(rows).any(-1)] = np.nan
    return np.moveaxis(ranks, -1, axis)


def runs(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the run of equal values begins and ends that each of sorted rows is in, both of the same shape."""
    places = np.arange(ordered.shape[-1])
    begins = np.ones(ordered.shape, bool)
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    ends = np.ones(ordered.shape, bool)
    ends[..., :-1] = begins[..., 1:]
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=-1)
    last = np.minimum.accumulate(np.where(ends, places, ordered.shape[-1])[..., ::-1], axis=-1)[..., ::-1]
    return first, last


def others_above(scores: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count along the last axis the other items counted that score higher, and the same: int64, twice that shape.

    >>> above, equal = others_above(np.array([2.0, 1.0, 2.0]), np.array([True, True, False]))
    >>> above.tolist(), equal.tolist()
    ([0, 1, 0], [0, 0, 1])
    """
    order = np.argsort(scores, axis=-1)
    first, last = runs(np.take_along_axis(scores, order, -1))
    upto = np.cumsum(np.take_along_axis(counted, order, -1), axis=-1)
    upto = np.concatenate([np.zeros_like(upto[..., :1]), upto], axis=-1)  # before each place, and all
    through = np.take_along_axis(upto, last + 1, -1)
    above, equal = np.empty(scores.shape, np.int64), np.empty(scores.shape, np.int64)
    np.put_along_axis(above, order, upto[..., -1:] - through, -1)
    np.put_along_axis(equal, order, through - np.take_along_axis(upto, first, -1), -1)
    return above, equal - counted
