"""Many victims, many attacks, many replicates: seconds and megabytes stay small, and numbers what they were."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from telltale.evaluation.membership import score_with_roc
from telltale.evaluation.pooled import auc_influence, bins_of, measure_pooled
from telltale.evaluation.ranking import Ranked, roc_band
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import MembershipScores
from tests.evaluation import slow_ranking


def world(victims: int, points: int, decimals: int = 9) -> tuple[MembershipScores, np.ndarray]:
    rng = np.random.default_rng(0)
    membership = rng.random((victims, points)) < 0.5
    scores = np.round(rng.normal(size=(victims, points)) + rng.normal(size=points) + 0.3 * membership, decimals)
    return MembershipScores(scores, rng.normal(size=victims)), membership


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call: other programs on the machine do not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


@pytest.mark.parametrize("decimals", [9, 1, 0])
@pytest.mark.parametrize("victims", [1, 5])
def test_every_replicate_equals_the_one_of_the_slow_version(victims: int, decimals: int) -> None:
    """Catches another order of ties, another weight of a cell, a replicate out of place."""
    evidence, membership = world(victims, 60, decimals)
    groups = np.array([0, 0, 1, 2, 3])[:victims]
    plan = Resampling.crossed(victims, 60, 300, seed=3, groups=groups)
    found, band = score_with_roc(evidence, membership, plan)
    weights = slow_ranking.all_weights(plan)
    scores, truth = evidence.scores.ravel(), membership.ravel()
    called = (evidence.scores >= evidence.thresholds(victims)[:, None]).ravel().astype(float)
    expected = {
        "balanced_accuracy": slow_ranking.auc(called, truth, weights),
        "best_threshold_balanced_accuracy": slow_ranking.best_balanced_accuracy(scores, truth, weights),
        **{f"tpr_at_fpr_{x}": slow_ranking.tpr_at_fpr(scores, truth, x, weights) for x in (0.001, 0.01, 0.05)},
    }
    for name, values in expected.items():
        np.testing.assert_allclose(np.append(found[name].value, found[name].replicates), values, 1e-6, err_msg=name)
        assert found[name].value == pytest.approx(values[0], rel=1e-14)
    curve = [slow_ranking.tpr_at_fpr(scores, truth, x, weights) for x in band.x]
    np.testing.assert_array_equal(band.value, [values[0] for values in curve])
    ends = [
        Estimate(v[0], v[1:].reshape(plan.components, -1), 1, "", "", plan.degrees, None, (0, 1)).high for v in curve
    ]
    np.testing.assert_allclose(band.high, ends)


@pytest.mark.parametrize("decimals", [9, 0])
def test_replicates_of_the_auc_are_the_bootstraps_to_first_order(decimals: int) -> None:
    """Catches an influence of a tie, or of one class, that is not its own; the bootstrap itself is the oracle."""
    evidence, membership = world(6, 400, decimals)
    plan = Resampling.crossed(6, 400, 400, seed=3)
    scores, truth = evidence.scores.ravel(), membership.ravel()
    value, influence = auc_influence(scores, truth)
    np.testing.assert_allclose(influence, slow_ranking.influence(scores, truth), atol=1e-12)
    slow = slow_ranking.auc(scores, truth, slow_ranking.all_weights(plan))
    found = score_with_roc(evidence, membership, plan)[0]["auc"]
    assert found.value == value == pytest.approx(slow[0], rel=1e-14)
    for fast, replicates in zip(found.replicates, slow[1:].reshape(3, -1), strict=True):
        assert np.corrcoef(fast, replicates)[0, 1] > 0.99
        assert fast.std() == pytest.approx(replicates.std(), rel=0.03)


def test_coarse_bins_far_down_the_ranking_change_no_interval() -> None:
    """Catches a bin so wide that a replicate's threshold falls beside its place."""
    evidence, membership = world(8, 500)
    plan = Resampling.crossed(8, 500, 100, seed=3)
    weights = slow_ranking.all_weights(plan)
    rates = (0.001, 0.01, 0.05, 0.3)
    scores, truth = evidence.scores.ravel(), membership.ravel()
    assert bins_of(scores, truth).max() < len(scores) / 4
    metrics = {str(rate): partial(Ranked.tpr_at_fpr, fpr=rate) for rate in rates}
    found = measure_pooled(evidence.scores, membership, plan, metrics)
    for rate in rates:
        slow = slow_ranking.tpr_at_fpr(scores, truth, rate, weights)
        assert found[str(rate)][0] == slow[0]
        for fast, exact in zip(found[str(rate)][1:].reshape(3, -1), slow[1:].reshape(3, -1), strict=True):
            assert fast.std() == pytest.approx(exact.std(), rel=0.05)


def test_a_thousand_bootstrap_rocs_of_ten_thousand_scores_take_under_two_seconds() -> None:
    rng = np.random.default_rng(0)
    scores, positives = rng.normal(size=10_000), rng.random(10_000) < 0.5
    weights = Resampling.over(10_000, 1000, seed=0).cluster_draws
    assert seconds(lambda: roc_band(scores, positives, weights)) < 2


def test_a_thousand_replicates_of_64_victims_take_seconds_and_little_memory() -> None:
    """One piece of evidence; a run has about twelve. Measured: 0.5 s and 45 MB, bounds are generous."""
    evidence, membership = world(64, 1000)
    plan = Resampling.crossed(64, 1000, 1000, seed=0)
    assert seconds(lambda: score_with_roc(evidence, membership, plan)) < 5


def test_the_weights_of_all_victims_are_never_made_at_once() -> None:
    evidence, membership = world(64, 250)
    plan = Resampling.crossed(64, 250, 1000, seed=0)
    tracemalloc.start()
    score_with_roc(evidence, membership, plan)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6 < 64 * 250 * 1000 * 8  # float64 of them would be 128 MB; a byte of each is kept
