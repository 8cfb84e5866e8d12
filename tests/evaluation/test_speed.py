"""Many victims, many attacks, many replicates: seconds and megabytes stay small, and numbers what they were."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from telltale.evaluation.influence import auc_influence, tpr_influence
from telltale.evaluation.membership import score_with_roc
from telltale.evaluation.ranking import roc_band
from telltale.evaluation.statistics import Resampling
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
def test_every_replicate_of_one_victim_equals_the_one_of_the_slow_version(decimals: int) -> None:
    """Catches another order of ties, another weight of a point, a replicate out of place."""
    evidence, membership = world(1, 60, decimals)
    plan = Resampling.over(60, 300, seed=3)
    found, band = score_with_roc(evidence, membership, plan)
    weights = slow_ranking.all_weights(plan)
    scores, truth = evidence.scores.ravel(), membership.ravel()
    called = (evidence.scores >= evidence.thresholds(1)[:, None]).ravel().astype(float)
    expected = {
        "balanced_accuracy": slow_ranking.auc(called, truth, weights),
        "best_threshold_balanced_accuracy": slow_ranking.best_balanced_accuracy(scores, truth, weights),
        **{f"tpr_at_fpr_{x}": slow_ranking.tpr_at_fpr(scores, truth, x, weights) for x in (0.001, 0.01, 0.05)},
    }
    for name, values in expected.items():
        np.testing.assert_allclose(np.append(found[name].value, found[name].replicates), values, 1e-12, err_msg=name)
    curve = [slow_ranking.tpr_at_fpr(scores, truth, x, weights) for x in band.x]
    np.testing.assert_array_equal(band.value, [values[0] for values in curve])
    np.testing.assert_array_equal(band.high, [np.percentile(values[1:], 97.5) for values in curve])


@pytest.mark.parametrize("decimals", [9, 0])
def test_replicates_of_many_victims_are_the_bootstraps_to_first_order(decimals: int) -> None:
    """Catches an influence of a tie, of one class, or of a threshold that moves; the bootstrap itself is the oracle."""
    evidence, membership = world(12, 400, decimals)
    plan = Resampling.crossed(12, 400, 300, seed=3, groups=np.arange(12) // 2)
    scores, truth, weights = evidence.scores.ravel(), membership.ravel(), slow_ranking.all_weights(plan)
    _, influence = auc_influence(scores, truth)
    np.testing.assert_allclose(influence, slow_ranking.influence(scores, truth), atol=1e-12)
    found = score_with_roc(evidence, membership, plan)[0]
    called = (evidence.scores >= evidence.thresholds(12)[:, None]).ravel().astype(float)
    slow = {
        "auc": slow_ranking.auc(scores, truth, weights),
        "balanced_accuracy": slow_ranking.auc(called, truth, weights),
        "tpr_at_fpr_0.05": slow_ranking.tpr_at_fpr(scores, truth, 0.05, weights),
    }
    for name, values in slow.items():
        assert found[name].value == pytest.approx(values[0], rel=1e-12)
        if decimals == 0 and name.startswith("tpr"):
            continue  # a threshold on ten levels stays or leaps, which has no first order
        exact = values[1:].reshape(3, -1)
        for fast, replicates in zip(found[name].replicates[1:], exact[1:], strict=True):  # of points and cells
            assert np.corrcoef(fast, replicates)[0, 1] > (0.8 if name.startswith("tpr") else 0.99), name
            assert fast.std() == pytest.approx(replicates.std(), rel=0.25 if name.startswith("tpr") else 0.04), name
    best = found["best_threshold_balanced_accuracy"]
    assert best.value == pytest.approx(slow_ranking.best_balanced_accuracy(scores, truth, weights[:1])[0], rel=1e-12)
    assert best.standard_error > 0


@pytest.mark.parametrize("decimals", [9, 0])
def test_the_largest_tpr_of_each_rate_and_its_influences_fit_the_ranking(decimals: int) -> None:
    """Catches a threshold between ties, influences that do not cancel, and a class that is empty."""
    evidence, membership = world(3, 200, decimals)
    scores, truth, rates = evidence.scores.ravel(), membership.ravel(), np.array([0.0, 0.001, 0.01, 0.1, 0.5, 1.0])
    values, of_items = tpr_influence(scores, truth, rates)
    influence = np.vstack([of_items(slice(None, 200)), of_items(slice(200, None))])
    slow = [slow_ranking.tpr_at_fpr(scores, truth, rate, np.ones((1, 600)))[0] for rate in rates]
    np.testing.assert_allclose(values, slow, rtol=1e-14)
    np.testing.assert_allclose(influence.sum(axis=0), 0, atol=1e-12)
    assert (influence[:, -1] == 0).all()  # at FPR 1 all are called, whoever is drawn
    assert np.isnan(tpr_influence(scores, np.ones(600, bool), rates)[1](slice(None))).all()


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
