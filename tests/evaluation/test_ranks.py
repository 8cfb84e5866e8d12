"""Ranks with ties equal SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from telltale.evaluation.ranks import average_ranks, others_above


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_ranks_are_those_of_scipy(axis: int) -> None:
    """Catches ties by order of records, ranks along another axis, infinities and NaN taken for numbers."""
    rng = np.random.default_rng(7)
    values = rng.integers(0, 6, (9, 13)).astype(float)
    values[2, 3], values[4, 5], values[6, 7] = np.inf, -np.inf, np.nan
    assert np.array_equal(average_ranks(values, axis), rankdata(values, axis=axis), equal_nan=True)


def test_ranks_of_many_distinct_scores() -> None:
    """Catches an order that is not the values'."""
    values = np.random.default_rng(0).normal(size=1000)
    assert np.array_equal(average_ranks(values), rankdata(values))


def test_others_above_are_those_of_all_pairs() -> None:
    """Catches an item counted as its own rival, and ties that count as higher."""
    rng = np.random.default_rng(3)
    scores, counted = rng.integers(0, 4, (20, 7)).astype(float), rng.random((20, 7)) < 0.6
    scores[0, 0], scores[0, 1] = np.inf, -np.inf
    above, equal = others_above(scores, counted)
    higher = (scores[:, None, :] > scores[:, :, None]) & counted[:, None, :]
    same = (scores[:, None, :] == scores[:, :, None]) & counted[:, None, :]
    assert np.array_equal(above, higher.sum(2)) and np.array_equal(equal, same.sum(2) - counted)
