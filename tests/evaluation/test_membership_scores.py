from __future__ import annotations

import numpy as np
import pytest

from src.evaluation.membership import membership_roc, score_membership
from src.evaluation.statistics import Resampling
from src.evidence import MembershipScores


def world(victims: int = 2, points: int = 600, signal: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    membership = rng.random((victims, points)) < 0.5
    return rng.normal(size=(victims, points)) + signal * membership, membership


def test_intervals_of_scores_without_signal_cover_chance() -> None:
    rng, plan, covered = np.random.default_rng(0), Resampling.crossed(2, 200, 200, seed=0), 0
    for _ in range(100):
        membership = rng.random((2, 200)) < 0.5
        evidence = MembershipScores(rng.normal(size=(2, 200)) + rng.normal(size=200))
        found = score_membership(evidence, membership, plan)["auc"]
        covered += found.low <= 0.5 <= found.high
    assert covered >= 88


def test_swapped_truth_mirrors_the_auc() -> None:
    scores, membership = world(signal=0.5)
    plan = Resampling.crossed(2, 600, 50, seed=0)
    straight = score_membership(MembershipScores(scores), membership, plan)["auc"]
    mirrored = score_membership(MembershipScores(-scores), ~membership, plan)["auc"]
    opposite = score_membership(MembershipScores(scores), ~membership, plan)["auc"]
    assert straight.value == pytest.approx(mirrored.value) == pytest.approx(1 - opposite.value)


def test_a_perfect_score_is_perfect_everywhere() -> None:
    _, membership = world(1)
    evidence = MembershipScores(membership.astype(float), threshold=0.5)
    metrics = score_membership(evidence, membership, Resampling.over(600, 50, seed=0))
    names = ["auc", "tpr_at_fpr_0.001", "tpr_at_fpr_0.01", "tpr_at_fpr_0.05", "balanced_accuracy"]
    assert list(metrics) == names and all(e.value == e.low == 1 for e in metrics.values())


def test_balanced_accuracy_is_left_out_without_a_threshold() -> None:
    scores, membership = world(1)
    plan = Resampling.over(600, 20, seed=0)
    assert "balanced_accuracy" not in score_membership(MembershipScores(scores), membership, plan)


def test_too_few_non_members_are_warned_of() -> None:
    scores, membership = world()
    plan = Resampling.nested(2, 600, 20, seed=0)
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
