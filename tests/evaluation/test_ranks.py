"""Ranks with ties equal SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from telltale.evaluation.ranks import average_ranks


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
