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
    places = np.arange(rows.shape[-1])
    order = np.argsort(rows, axis=-1)
    ordered = np.take_along_axis(rows, order, -1)
    begins = np.ones(rows.shape, bool)  # whether a run of equal values begins here
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    ends = np.ones(rows.shape, bool)
    ends[..., :-1] = begins[..., 1:]
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=-1)
    last = np.minimum.accumulate(np.where(ends, places, rows.shape[-1])[..., ::-1], axis=-1)[..., ::-1]
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, -1)
    ranks[np.isnan(rows).any(-1)] = np.nan
    return np.moveaxis(ranks, -1, axis)
