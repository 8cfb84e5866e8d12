from __future__ import annotations

import numpy as np
import pytest

from telltale.evaluation.membership import membership_roc, score_membership
from telltale.evaluation.score import ScoredMembership, evaluate
from telltale.evaluation.statistics import Resampling
from telltale.evidence import MembershipScores
from telltale.truth import Truth


def world(victims: int = 2, points: int = 600, signal: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    membership = rng.random((victims, points)) < 0.5
    return rng.normal(size=(victims, points)) + signal * membership, membership


def test_intervals_of_scores_without_signal_cover_chance() -> None:
    rng, plan, covered = np.random.default_rng(0), Resampling.crossed(4, 200, 100, seed=0), 0
    for _ in range(60):
        membership = rng.random((4, 200)) < 0.5
        evidence = MembershipScores(rng.normal(size=(4, 200)) + rng.normal(size=200))
        found = score_membership(evidence, membership, plan)["auc"]
        covered += found.low <= 0.5 <= found.high
    assert 50 <= covered <= 59  # tests/evaluation/test_coverage.py has more games


def test_swapped_truth_mirrors_the_auc() -> None:
    scores, membership = world(signal=0.5)
    plan = Resampling.crossed(2, 600, 50, seed=0)
    straight = score_membership(MembershipScores(scores), membership, plan)["auc"]
    mirrored = score_membership(MembershipScores(-scores), ~membership, plan)["auc"]
    opposite = score_membership(MembershipScores(scores), ~membership, plan)["auc"]
    assert straight.value == pytest.approx(mirrored.value) == pytest.approx(1 - opposite.value)


def test_a_perfect_score_is_perfect_everywhere_and_certain_nowhere() -> None:
    """Catches an interval of no width: of so many records one more may be otherwise, and no draw of them shows it."""
    _, membership = world(1)
    evidence = MembershipScores(membership.astype(float), threshold=0.5)
    metrics = score_membership(evidence, membership, Resampling.over(600, 50, seed=0))
    names = ["auc", "tpr_at_fpr_0.001", "tpr_at_fpr_0.01", "tpr_at_fpr_0.05", "balanced_accuracy"]
    names.append("best_threshold_balanced_accuracy")
    assert list(metrics) == names and all(e.value == e.high == 1 for e in metrics.values())
    fewer = min(membership.sum(), (~membership).sum())
    assert all(e.low == pytest.approx(0.025 ** (1 / fewer)) for e in metrics.values())


def test_balanced_accuracy_is_left_out_without_a_threshold() -> None:
    scores, membership = world(1)
    plan = Resampling.over(600, 20, seed=0)
    assert "balanced_accuracy" not in score_membership(MembershipScores(scores), membership, plan)


def test_the_best_threshold_is_called_optimistic_and_is_so_on_noise() -> None:
    scores, membership = world(1)
    plan = Resampling.over(600, 100, seed=0)
    best = score_membership(MembershipScores(scores), membership, plan)["best_threshold_balanced_accuracy"]
    assert best.note.startswith("optimistic")
    assert best.low > 0.5  # although there is nothing to find


def test_each_victim_has_its_own_threshold() -> None:
    """Catches a threshold that is spread over points instead of victims."""
    membership = np.array([[True, False, True, False], [True, True, False, False]])
    scores = membership + np.array([[0.0], [10.0]])
    plan = Resampling.crossed(2, 4, 20, seed=0)
    own = MembershipScores(scores, np.array([0.5, 10.5]))
    assert score_membership(own, membership, plan)["balanced_accuracy"].value == 1
    shared = MembershipScores(scores, 0.5)  # victim 1: everything is called a member
    assert score_membership(shared, membership, plan)["balanced_accuracy"].value == 0.75


@pytest.mark.parametrize("threshold", [np.zeros(3), np.array([0.0, np.nan]), np.zeros((2, 1))])
def test_thresholds_that_do_not_fit_are_refused(threshold: np.ndarray) -> None:
    scores, membership = world()
    with pytest.raises(ValueError, match="each of 2 victims"):
        score_membership(MembershipScores(scores, threshold), membership, Resampling.crossed(2, 600, 5, seed=0))


def test_a_blind_guess_holds_for_every_victim_with_its_threshold() -> None:
    blind = MembershipScores(np.arange(3.0)[None], np.array([1.0])).for_victims(4)
    assert blind.scores.shape == (4, 3) and blind.thresholds(4).tolist() == [1.0] * 4
    assert MembershipScores(np.zeros((1, 3))).for_victims(4).threshold is None


def test_a_run_is_scored_with_tests_against_rivals_and_exposure_and_without_leakage_of_the_best_threshold() -> None:
    """Catches controls taken for rivals, and an optimistic number among the verdicts."""
    scores, membership = world(8, 200, signal=1.0)
    truth = Truth(membership, (), None)  # type: ignore[arg-type]
    evidence = {
        "target": MembershipScores(scores, np.full(8, 0.5)),
        "zero_query": MembershipScores(np.zeros((1, 200)), 0.5),
        "weak": MembershipScores(np.random.default_rng(1).normal(size=(8, 200))),
        "absent": None,
    }
    scored = evaluate(evidence, truth, ("zero_query", "absent"), 100, 0)
    assert isinstance(scored, ScoredMembership)
    assert set(scored.versus_rivals) == {"weak"} and scored.versus_rivals["weak"]["auc"].low > 0
    assert "balanced_accuracy" in scored.leakage and "best_threshold_balanced_accuracy" not in scored.leakage
    assert scored.metrics["zero_query"]["balanced_accuracy"].value == 0.5
    assert np.nanmean(scored.exposure.value) == pytest.approx(0.76, abs=0.03)  # P(N(1, 1) > N(0, 1)) = Φ(1/√2)


def test_too_few_non_members_are_warned_of() -> None:
    scores, membership = world()
    plan = Resampling.crossed(2, 600, 20, seed=0)
    metrics = score_membership(MembershipScores(scores), membership, plan)
    assert "fewer than 10" in metrics["tpr_at_fpr_0.001"].note
    assert "fewer than 10" in metrics["tpr_at_fpr_0.01"].note
    assert metrics["tpr_at_fpr_0.05"].note == "" and metrics["auc"].note == ""


def test_victims_that_differ_widen_the_interval() -> None:
    """Would catch an interval that treats records of one model as if every model were the same."""
    rng = np.random.default_rng(1)
    membership = rng.random((6, 500)) < 0.5
    strength = np.array([0, 0, 0, 2, 2, 2])[:, None]
    even = MembershipScores(rng.normal(size=(6, 500)) + membership)
    uneven = MembershipScores(rng.normal(size=(6, 500)) + strength * membership)
    plan = Resampling.crossed(6, 500, 300, seed=0)
    narrow, wide = (score_membership(e, membership, plan)["auc"] for e in (even, uneven))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_roc_rises_and_ends_at_one() -> None:
    scores, membership = world(signal=1.0)
    band = membership_roc(MembershipScores(scores), membership, Resampling.crossed(2, 600, 50, seed=0))
    assert (np.diff(band.value) >= 0).all() and band.value[-1] == 1


def test_shapes_that_do_not_fit_are_refused() -> None:
    scores, membership = world()
    with pytest.raises(ValueError, match=r"\(victims, points\)"):
        score_membership(MembershipScores(scores), membership, Resampling.over(600, 20, seed=0))
