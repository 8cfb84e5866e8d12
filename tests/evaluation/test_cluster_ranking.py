"""Rankings whose records are drawn in clusters give, bit for bit, what the same draws record by record give."""

from __future__ import annotations

from operator import methodcaller

import numpy as np
import pytest

from telltale.evaluation.cluster_ranking import ClusterRanked, measure_by_cluster, quantile_by_cluster
from telltale.evaluation.ranking import measure
from telltale.evaluation.statistics import Resampling
from tests.evaluation.slow_ranking import weighted_quantile

METRICS = {
    "auc": methodcaller("auc"),
    "base_rate": methodcaller("base_rate"),
    **{f"tpr_{rate}": methodcaller("tpr_at_fpr", rate) for rate in (0.0, 0.01, 0.3, 1.0)},
    **{f"precision_{k}": methodcaller("precision_at", k) for k in (1, 7, 60, 5000)},
    "curve": methodcaller("precisions_at", np.array([1, 2, 3, 5, 8, 13, 21, 34, 1000])),
}


@pytest.mark.parametrize("decimals", [9, 1, 0])
@pytest.mark.parametrize("victims", [1, 3])
def test_every_replicate_is_that_of_draws_by_record(decimals: int, victims: int) -> None:
    """Catches another order of ties, a border off by one, a cluster that is weighed as its neighbour."""
    rng = np.random.default_rng(decimals)
    index, positives = rng.integers(0, 9, 400), rng.random(400) < 0.2
    scores = np.round(rng.normal(size=400) + 0.5 * positives, decimals)
    plan = Resampling.crossed(victims, 10, 50, seed=1)  # one cluster has no record
    by_record = measure(scores, positives, plan.of_victim(victims - 1, index), METRICS)
    by_cluster = measure_by_cluster(scores, positives, index, plan.of_clusters(victims - 1), METRICS)
    for name, values in by_record.items():
        np.testing.assert_array_equal(by_cluster[name], values, err_msg=name)


@pytest.mark.parametrize("decimals", [9, 1])
def test_every_quantile_is_that_of_draws_by_record(decimals: int) -> None:
    """Catches a quantile from the other end, one item off, or where no weight is."""
    rng = np.random.default_rng(decimals)
    index, values = rng.integers(0, 9, 400), np.round(rng.normal(size=400), decimals)
    weights = np.concatenate([Resampling.over(9, 50, seed=1).of_clusters(0), np.zeros((1, 9))])
    for q in (0.0, 0.25, 0.5, 0.75, 1.0):
        expected = weighted_quantile(values, q, weights[:, index])
        np.testing.assert_array_equal(quantile_by_cluster(values, q, index, weights), expected)


@pytest.mark.parametrize("positives", [np.zeros(3, bool), np.ones(3, bool), np.zeros(0, bool)])
def test_what_is_not_defined_is_nan_in_both(positives: np.ndarray) -> None:
    """Catches an AUC of one class, and a ranking of nothing."""
    scores, index, weights = np.arange(len(positives)), np.zeros(len(positives), int), np.ones((2, 1))
    by_record = measure(scores, positives, weights[:, index], METRICS)
    by_cluster = measure_by_cluster(scores, positives, index, weights, METRICS)
    for name, values in by_record.items():
        np.testing.assert_array_equal(by_cluster[name], values, err_msg=name)
    assert np.isnan(by_cluster["auc"]).all()


def test_a_score_that_is_no_number_is_refused() -> None:
    """Catches NaN that sorts to one end."""
    with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
        ClusterRanked(np.array([1.0, np.nan]), np.array([True, False]), np.array([0, 0]), np.ones((1, 1)))
