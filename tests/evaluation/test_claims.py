"""Verdicts follow from rule and interval: each test would catch a claim that passes without evidence."""

from __future__ import annotations

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.papers.claims import Claim, Quantity, Verdict, interval, judge, judge_all, over_seeds, per_seed

RNG = np.random.default_rng(0)


def replicates(value: float, spread: float = 0.01) -> np.ndarray:
    return np.concatenate([[value], RNG.normal(value, spread, 1000)])


def results(target: float, mlp: float = 0.5, control: float = 0.5, seeds: int = 3) -> dict:
    return {
        ("gin", seed): {
            "target/precision_at_10": replicates(target),
            "target/precision_at_50": replicates(target),
            "mlp/precision_at_10": replicates(mlp),
            "mlp/precision_at_50": replicates(mlp),
            "untrained/precision_at_10": replicates(control),
            "untrained/precision_at_50": replicates(control),
        }
        for seed in range(seeds)
    }


def claim(**changes: object) -> Claim:
    quantity = Quantity(metrics=["precision_at_*"], experiments=["gin"], minus="mlp")
    return Claim("ours beats the MLP", "Table 1", quantity=quantity, **{"above": 0.0, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("target", "verdict"), [(0.7, Verdict.HOLDS), (0.3, Verdict.FAILS), (0.5, Verdict.UNKNOWN)])
def test_the_whole_interval_must_lie_on_one_side(target: float, verdict: Verdict) -> None:
    assert judge(claim(), results(target)).verdict is verdict


def test_a_claim_that_does_not_beat_its_control_does_not_hold() -> None:
    tested = judge(claim(controls=["untrained"]), results(0.7, mlp=0.5, control=0.8))
    assert tested.verdict is Verdict.FAILS
    assert "untrained" in tested.reason


def test_two_seeds_decide_nothing() -> None:
    assert judge(claim(), results(0.9, seeds=2)).verdict is Verdict.UNKNOWN


def test_a_missing_result_is_named_and_decides_nothing() -> None:
    tested = judge(claim(), {("gin", 0): {"target/precision_at_10": replicates(0.9)}})
    assert tested.verdict is Verdict.UNKNOWN
    assert "mlp/precision_at_*" in tested.reason


def test_a_claim_that_cannot_be_told_stays_so_whatever_is_measured() -> None:
    tested = judge(claim(cannot_tell="nine encoders, five here"), results(0.9))
    assert tested.verdict is Verdict.UNKNOWN
    assert tested.value == pytest.approx(0.4, abs=0.02)


def test_differences_are_paired_within_a_run() -> None:
    noise = RNG.normal(0, 0.2, 1001)
    found = {("gin", 0): {"target/auc": 0.6 + noise, "mlp/auc": 0.5 + noise}}
    difference = per_seed(Quantity(["auc"], ["gin"], minus="mlp"), found, 0)
    assert np.allclose(difference, 0.1)


def test_relative_differences_divide_by_what_is_subtracted() -> None:
    found = {("gin", 0): {"target/fcd": np.array([9.0]), "mlp/fcd": np.array([10.0])}}
    assert per_seed(Quantity(["fcd"], ["gin"], minus="mlp", relative=True), found, 0) == pytest.approx([-0.1])


def test_seeds_that_disagree_widen_the_interval() -> None:
    _, low, high = interval(over_seeds([replicates(0.4), replicates(0.6), replicates(0.8)], seed=0))
    assert high - low > 0.2
    _, low, high = interval(over_seeds([replicates(0.6)] * 3, seed=0))
    assert high - low < 0.05


def test_pooled_interval_has_the_variance_of_the_hierarchical_model() -> None:
    # equal seeds: the mean of three independent replicates has variance spread² / 3
    pooled = over_seeds([replicates(0.5, 0.03) for _ in range(3)], seed=1)
    assert np.std(pooled[1:]) == pytest.approx(0.03 / np.sqrt(3), rel=0.1)


def test_numbers_without_replicates_get_students_interval_over_seeds() -> None:
    # three seeds drawn with replacement would never leave [1, 3]; Student's interval is 2 ± 4.303 / sqrt(3)
    value, low, high = interval(over_seeds([np.array([x]) for x in (1.0, 2.0, 3.0)], seed=0))
    assert value == pytest.approx(2)
    assert (low, high) == pytest.approx((2 - 4.303 / np.sqrt(3), 2 + 4.303 / np.sqrt(3)), abs=0.1)


def test_one_number_of_one_seed_has_no_interval() -> None:
    assert not np.isfinite(interval(over_seeds([np.array([1.0])], seed=0))[1])


def test_a_claim_without_quantity_needs_a_reason() -> None:
    with pytest.raises(InputError, match="needs a quantity"):
        Claim.of({"text": "x", "source": "y"})


def test_an_unknown_field_of_a_claim_is_refused() -> None:
    with pytest.raises(InputError, match="unexpected"):
        Claim.of({"text": "x", "source": "y", "cannot_tell": "z", "abov": 1})


@pytest.mark.parametrize(("ceiling", "verdict"), [(0.9, Verdict.FAILS), (0.5, Verdict.UNKNOWN), (0.1, Verdict.UNKNOWN)])
def test_a_verdict_is_held_back_where_what_it_requires_does_not_hold(ceiling: float, verdict: Verdict) -> None:
    """Catches an attack that is said to find nothing where it could not find anything."""
    found = results(0.4, mlp=ceiling)
    can_see = Claim(
        "it can see", "ours", quantity=Quantity(["precision_at_10"], ["gin"], of="mlp"), above=0.5, name="can see"
    )
    succeeds = Claim("it does", "1", quantity=Quantity(["precision_at_10"], ["gin"]), above=0.5, requires=["can see"])
    tested = judge_all([succeeds, can_see], found)
    assert tested[0].verdict is verdict and tested[0].value == pytest.approx(0.4, abs=0.01)
    assert ("requires can see" in tested[0].reason) == (verdict is Verdict.UNKNOWN)


def test_a_requirement_that_no_claim_has_the_name_of_is_refused() -> None:
    with pytest.raises(InputError, match="requires=can fly"):
        judge_all([claim(requires=["can fly"])], results(0.9))


def test_a_difference_of_differences_is_paired_as_well() -> None:
    """Catches a lead that is said to shrink because one of two attacks has another value."""
    noise = RNG.normal(0, 0.2, 1001)
    found = {
        ("gin", 0): {"target/auc": 0.9 + noise, "mlp/auc": 0.5 + noise},
        ("gat", 0): {"target/auc": 0.6 + noise, "mlp/auc": 0.5 + noise},
    }
    quantity = {"metrics": ["auc"], "minus": "mlp"}
    lead = Quantity.read({**quantity, "experiments": ["gin"], "less": {**quantity, "experiments": ["gat"]}})
    assert np.allclose(per_seed(lead, found, 0), 0.3)


def test_what_is_held_back_holds_others_back() -> None:
    """Catches a verdict two requirements away from one that fails."""
    quantity = Quantity(["precision_at_10"], ["gin"])
    chain = [
        Claim("a", "1", quantity=quantity, above=0.5, requires=["b"]),
        Claim("b", "1", quantity=quantity, above=0.5, name="b", requires=["c"]),
        Claim("c", "1", quantity=quantity, above=0.95, name="c"),
    ]
    assert [one.verdict for one in judge_all(chain, results(0.8))] == [Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.FAILS]
    with pytest.raises(InputError, match="one claim alone"):
        judge_all([chain[2], chain[2]], results(0.8))
    with pytest.raises(InputError, match="a list"):
        Claim.of({"text": "x", "source": "y", "cannot_tell": "z", "requires": "c"})


def test_a_share_of_nothing_is_no_number() -> None:
    """Catches a warning and an infinite fall where a captioner never said anything."""
    found = {("gin", 0): {"target/fcd": np.array([1.0, 2.0]), "mlp/fcd": np.zeros(2)}}
    assert np.isnan(per_seed(Quantity(["fcd"], ["gin"], minus="mlp", relative=True), found, 0)).all()
