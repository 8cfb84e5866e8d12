"""Many victims, many attacks, many replicates: seconds and megabytes stay small, and numbers what they were."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

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
@pytest.mark.parametrize("victims", [1, 5])
def test_every_replicate_equals_the_one_of_the_slow_version_to_the_last_bit(victims: int, decimals: int) -> None:
    """Catches another order of ties, another weight of a cell, a replicate out of place."""
    evidence, membership = world(victims, 60, decimals)
    plan = Resampling.crossed(victims, 60, 300, seed=3) if victims > 1 else Resampling.over(60, 300, seed=3)
    found, band = score_with_roc(evidence, membership, plan)
    drawn = np.ones((300, 1), int) if plan.victim_draws is None else plan.victim_draws
    weights = slow_ranking.all_weights(drawn, plan.cluster_draws)
    scores, truth = evidence.scores.ravel(), membership.ravel()
    called = (evidence.scores >= evidence.thresholds(victims)[:, None]).ravel().astype(float)
    expected = {
        "auc": slow_ranking.auc(scores, truth, weights),
        "balanced_accuracy": slow_ranking.auc(called, truth, weights),
        **{f"tpr_at_fpr_{x}": slow_ranking.tpr_at_fpr(scores, truth, x, weights) for x in (0.001, 0.01, 0.05)},
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(np.append(found[name].value, found[name].replicates), values, err_msg=name)
    best = found["best_threshold_balanced_accuracy"]
    np.testing.assert_allclose(
        np.append(best.value, best.replicates), slow_ranking.best_balanced_accuracy(scores, truth, weights), rtol=1e-13
    )
    curve = [slow_ranking.tpr_at_fpr(scores, truth, x, weights) for x in band.x]
    np.testing.assert_array_equal(band.value, [values[0] for values in curve])
    np.testing.assert_array_equal(band.high, [np.percentile(values[1:], 97.5) for values in curve])


def test_a_thousand_bootstrap_rocs_of_ten_thousand_scores_take_under_two_seconds() -> None:
    rng = np.random.default_rng(0)
    scores, positives = rng.normal(size=10_000), rng.random(10_000) < 0.5
    weights = Resampling.over(10_000, 1000, seed=0).weights
    assert seconds(lambda: roc_band(scores, positives, weights)) < 2


def test_a_thousand_replicates_of_64_victims_take_seconds_and_little_memory() -> None:
    """One piece of evidence; a run has about twelve. Measured: 0.5 s and 35 MB, bounds are generous."""
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
    assert peak < 30e6 < plan.weights.nbytes  # float64 of them would be 128 MB
