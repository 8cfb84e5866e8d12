"""Paired tests between attacks, against counting by hand and known corrections."""

from __future__ import annotations

import numpy as np
import pytest

from telltale.evaluation.comparison import PairedTest, bootstrap_p, holm, standing, versus_rivals
from telltale.evaluation.membership import auc_replicates, score_membership
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import MembershipScores


@pytest.mark.parametrize(
    ("below", "zero", "above", "p"),
    [
        (0, 0, 99, 2 * 1 / 100),  # never 0
        (3, 1, 95, 2 * 5 / 100),  # zeros count for both sides
        (95, 1, 3, 2 * 5 / 100),
        (0, 99, 0, 1.0),  # twice the same attack
        (50, 0, 49, 1.0),
    ],
)
def test_the_p_value_counts_the_rarer_side(below: int, zero: int, above: int, p: float) -> None:
    differences = np.repeat([-1.0, 0.0, 1.0], [below, zero, above])
    assert bootstrap_p(differences) == pytest.approx(p)


def test_replicates_without_a_value_are_left_out_and_too_many_of_them_give_none() -> None:
    assert bootstrap_p(np.array([1.0] * 60 + [np.nan] * 39)) == pytest.approx(2 / 61)
    assert np.isnan(bootstrap_p(np.array([1.0] * 3 + [np.nan] * 4)))
    assert np.isnan(bootstrap_p(np.empty(0)))


def test_p_values_of_equal_attacks_are_uniform_enough() -> None:
    """Catches a test that finds differences where there are none: 5 % of 300 worlds, give or take."""
    rng, plan, rejected = np.random.default_rng(0), Resampling.over(200, 300, seed=0), 0
    for _ in range(300):
        membership, common = rng.random((1, 200)) < 0.5, rng.normal(size=(1, 200))
        scores = [common + membership + rng.normal(size=(1, 200)) for _ in range(2)]
        one, two = (plan.estimate(auc_replicates(of, membership, plan), 200) for of in scores)
        rejected += PairedTest.of(one, two).p < 0.05
    assert 4 <= rejected <= 28


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1.0, 1.0])
    np.testing.assert_allclose(holm([0.02, np.nan]), [0.02, np.nan])  # what was not tested is not counted
    assert len(holm([])) == 0


def estimate(value: float, spread: float) -> Estimate:
    return Estimate(value, np.linspace(value - spread, value + spread, 999), 9, plan="p")


def test_rivals_are_sorted_by_sign_and_corrected_p() -> None:
    target = {"auc": estimate(0.7, 0.0)}
    rivals = {"weak": {"auc": estimate(0.6, 0.05)}, "strong": {"auc": estimate(0.8, 0.05)}, "like": {}}
    rivals["like"] = {"auc": estimate(0.71, 0.05)}
    tests = versus_rivals(target, rivals)
    assert tests["weak"]["auc"].value == pytest.approx(0.1) and tests["weak"]["auc"].p == pytest.approx(2 / 1000)
    assert set(tests["weak"]["auc"].to_json()) == {*("value", "low", "high", "n", "p", "standard_error", "degrees")}
    found = standing(tests, "auc")
    assert (found.better, found.worse, found.open) == (("weak",), ("strong",), ("like",))


def test_many_rivals_need_a_smaller_p() -> None:
    tests = {f"rival {i}": {"auc": PairedTest(0.1, 0.01, 0.2, 9, 0.03, 1000)} for i in range(2)}
    assert standing({"rival 0": tests["rival 0"]}, "auc").better == ("rival 0",)
    assert standing(tests, "auc").open == ("rival 0", "rival 1")
    assert standing(tests, "tpr_at_fpr_0.01").open == ()


def test_attacks_on_other_resamples_are_not_compared() -> None:
    other = Estimate(0.6, np.zeros(999), 9, plan="q")
    with pytest.raises(ValueError, match="same Resampling"):
        versus_rivals({"auc": estimate(0.7, 0.1)}, {"rival": {"auc": other}})


def test_attacks_that_differ_on_every_record_are_told_apart_as_surely_as_records_are_many() -> None:
    """Catches p = 0 of five records a side, as no draw of them differs."""
    members = np.tile(np.arange(10) < 5, (4, 1))
    plan = Resampling.crossed(4, 10, 99, seed=0)
    one, other = (
        score_membership(MembershipScores(of), members, plan)["auc"] for of in (members * 1.0, -1.0 * members)
    )
    assert PairedTest.of(one, other).p == 2 * 0.5**5
