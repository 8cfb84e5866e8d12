"""Verdicts follow from rule and seeds: each test would catch a claim that passes, or fails, without evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.papers import judging
from telltale.papers.claims import Claim, Verdict
from telltale.papers.judging import holm, judge, judge_all
from telltale.papers.quantity import Quantity, per_seed
from telltale.papers.results import Measured, Results

JITTER = np.array([-0.01, 0.0, 0.01])  # Student's half width of three such seeds: 4.303 * 0.01 / sqrt(3) = 0.0248
HALF = 0.0248
HOLDS, FAILS, UNKNOWN = Verdict.HOLDS, Verdict.FAILS, Verdict.UNKNOWN


def results(seeds: Sequence[float] = JITTER, notes: Mapping[str, str] | None = None, **values: float) -> Results:
    """Name every figure `auc` of one experiment: value + jitter in each seed; all but the attack's stay as they are."""
    names = {"target": 0.7, "mlp": 0.5, "untrained": 0.5, **values}
    return {
        ("gin", seed): {
            f"{name}/auc": Measured(value + (jitter if name == "target" else 0), note=(notes or {}).get(name, ""))
            for name, value in names.items()
        }
        for seed, jitter in enumerate(seeds)
    }


def claim(**fields: Any) -> Claim:
    entry = {"text": "it leaks", "source": "ours", "quantity": {"metrics": ["auc"], "experiments": ["gin"]}, **fields}
    return Claim.of(entry)


def over_mlp(**more: Any) -> dict[str, Any]:
    return {"metrics": ["auc"], "experiments": ["gin"], "minus": "mlp", **more}


@pytest.mark.parametrize(("target", "verdict"), [(0.7, HOLDS), (0.3, FAILS), (0.51, UNKNOWN)])
def test_the_whole_interval_must_lie_on_one_side(target: float, verdict: Verdict) -> None:
    """Catches a verdict by the value alone."""
    assert judge(claim(quantity=over_mlp(), above=0.0), results(target=target)).verdict is verdict


def test_the_interval_is_students_over_seeds_whatever_a_run_says_of_itself() -> None:
    """Catches intervals that draw three seeds with replacement, which never leave the seeds' own range."""
    tested = judge(claim(above=0.5), results())
    assert (tested.value, tested.low, tested.high) == pytest.approx((0.7, 0.7 - HALF, 0.7 + HALF), abs=1e-4)


def test_a_claim_that_does_not_beat_a_control_it_names_does_not_hold() -> None:
    """Catches precision that chemistry alone reaches, told as memory."""
    tested = judge(claim(above=0.5, controls=["untrained"]), results(untrained=0.8))
    assert tested.verdict is FAILS and "not over untrained" in tested.reason


def test_a_row_is_shown_and_refutes_nothing() -> None:
    """Catches an attack refuted by a blind guess that is merely cleverer."""
    tested = judge(claim(above=0.5, rows=["untrained"]), results(untrained=0.8))
    assert tested.verdict is HOLDS
    assert tested.rows == {
        "over untrained (a row: refutes nothing)": pytest.approx((-0.1, -0.1 - HALF, -0.1 + HALF), abs=1e-4)
    }


@pytest.mark.parametrize("elsewhere", [False, True])
def test_lists_of_unlike_length_are_compared_at_the_sizes_that_both_have(elsewhere: bool) -> None:
    """Catches a longer list's worse precision at a K that the shorter one has none at, told as a difference."""
    short = {"precision_at_50": 0.6, "precision_at_100": 0.5}
    long = {"precision_at_50": 0.5, "precision_at_100": 0.4, "precision_at_200": 0.0}
    sides = ("gin", "target", short), ("gcn", "target", long), ("gin", "random", long)
    found: dict[Any, dict[str, Measured]] = {("gin", 0): {}, ("gcn", 0): {}}
    for experiment, name, of in sides:
        found[experiment, 0] |= {f"{name}/{metric}": Measured(value) for metric, value in of.items()}
    minus: dict[str, Any] = {"minus_experiments": ["gcn"]} if elsewhere else {"minus": "random"}
    assert per_seed(Quantity(["precision_at_*"], ["gin"], **minus), found, 0).value == pytest.approx(0.1)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_several_pieces_of_evidence_are_compared_with_one(elsewhere: bool) -> None:
    """Catches a pattern of evidence that is told to share no metric with what is subtracted: its names differ."""
    of = {"uniform 4 bit/mape": 0.6, "kmeans 4 bit/mape": 0.4, "float/mape": 0.2, "kmeans 8 bit/mape": 0.2}
    run = {name: Measured(value) for name, value in of.items()}
    minus: dict[str, Any] = {"minus": "float", "minus_experiments": ["gcn"] if elsewhere else []}
    quantity = Quantity(["mape"], ["gin"], of="[uk]* 4 bit", **minus)
    assert per_seed(quantity, {("gin", 0): run, ("gcn", 0): run}, 0).value == pytest.approx(0.3)


def test_any_of_several_comparisons_refutes_at_its_share_of_the_level() -> None:
    """Catches a claim refuted by one of four comparisons, each at the full level."""
    controls = ["untrained", "mlp"]
    close = 0.7 + HALF * 1.05  # the interval of the difference ends just below 0
    assert judge(claim(controls=["untrained"]), results(untrained=close)).verdict is FAILS
    of_three = judge(claim(above=0.5, controls=controls), results(untrained=close))
    assert of_three.verdict is UNKNOWN and of_three.reason.endswith("over untrained (missed, but one of 3 comparisons)")


@pytest.mark.parametrize(("seeds", "reason"), [([0.0], "1 seed, 3 needed"), ([0.0, 0.01], "2 seeds, 3 needed")])
def test_fewer_than_three_seeds_decide_nothing(seeds: list[float], reason: str) -> None:
    """Catches a verdict from a single run."""
    tested = judge(claim(above=0.5), results(seeds, target=0.9))
    assert (tested.verdict, tested.reason, tested.p) == (UNKNOWN, reason, None)


@pytest.mark.parametrize(
    "note",
    [
        "cannot tell: 91 discordant candidates, 300 needed",
        "FPR 0.001 of 500 non-members is fewer than 10 records",
        "FPR 0.01 of 90 misses is fewer than 10 candidates",
    ],
)
def test_too_few_records_behind_a_figure_reach_the_verdict(note: str) -> None:
    """Catches the primary test of memory judged by 65 candidates."""
    tested = judge(claim(above=0.5), results(target=0.9, notes={"target": note}))
    assert tested.verdict is UNKNOWN and tested.reason == note.removeprefix("cannot tell: ") and tested.p is None
    assert judge(claim(above=0.5, controls=["mlp"]), results(notes={"mlp": note})).verdict is UNKNOWN
    assert judge(claim(above=0.5, rows=["mlp"]), results(notes={"mlp": note})).verdict is HOLDS
    assert judge(claim(above=0.5), results(notes={"target": "threshold chosen on these points"})).verdict is HOLDS


@pytest.mark.parametrize(
    ("target", "verdict"),
    [(0.0, HOLDS), (0.02, UNKNOWN), (-0.1, FAILS), (0.1, FAILS)],
    ids=["0", "edge", "less", "more"],
)
def test_no_difference_can_hold_within_the_smallest_effect_of_interest(target: float, verdict: Verdict) -> None:
    """Catches +0.001 [-0.007, 0.009] told as undecided, as a bound of 0 always leaves a true zero."""
    assert judge(claim(within=0.03), results(target=target)).verdict is verdict


@pytest.mark.parametrize(("target", "verdict"), [(0.501, FAILS), (0.52, UNKNOWN), (0.6, HOLDS), (0.4, FAILS)])
def test_an_effect_smaller_than_any_of_interest_does_not_hold(target: float, verdict: Verdict) -> None:
    """Catches an effect claimed and excluded that stays undecided."""
    tested = judge(claim(above=0.5, within=0.03), results(target=target))
    assert tested.verdict is verdict
    assert tested.reason == "no difference of 0.03" or target != 0.501


@pytest.mark.parametrize(("target", "verdict"), [(0.40, FAILS), (0.49, UNKNOWN), (0.60, HOLDS)])
def test_a_statement_of_two_readings_fails_only_if_it_fails_in_both(target: float, verdict: Verdict) -> None:
    """Catches "30.9 %" refuted as an absolute gain where the paper may mean a relative one: 49.0 against 37.4."""
    readings = [
        {"reading": "absolute", "above": 0.1545},
        {"reading": "relative", "quantity": {"relative": True}, "above": 0.1545},
    ]
    tested = judge(claim(quantity=over_mlp(), either=readings), results(target=target, mlp=0.374))
    assert tested.verdict is verdict and list(tested.rows) == ["read as absolute", "read as relative"]
    assert tested.rows["read as relative"][0] == pytest.approx((target - 0.374) / 0.374)
    said = "it depends on the reading (absolute: does not hold; relative: holds)"
    assert (tested.reason == said) == (verdict is UNKNOWN)


def test_readings_that_disagree_leave_the_claim_open() -> None:
    """Catches a claim that holds because one of two readings does."""
    readings = [{"reading": "small", "above": 0.1}, {"reading": "large", "above": 0.4}]
    tested = judge(claim(quantity=over_mlp(), either=readings), results())
    assert (tested.verdict, tested.p) == (UNKNOWN, 1.0)
    assert tested.reason == "it depends on the reading (small: holds; large: does not hold)"


def test_a_reason_why_nothing_can_be_told_holds_for_every_reading() -> None:
    """Catches a verdict on a claim that says itself that none is possible."""
    readings = [{"reading": "small", "above": 0.0}, {"reading": "smaller", "above": -0.1}]
    assert judge(claim(quantity=over_mlp(), either=readings), results()).verdict is HOLDS
    tested = judge(claim(quantity=over_mlp(), either=readings, cannot_tell="other data"), results())
    assert (tested.verdict, tested.reason) == (UNKNOWN, "other data")


def test_a_missing_result_is_named_and_decides_nothing() -> None:
    """Catches a mean over the runs that happen to be there."""
    tested = judge(claim(above=0.5), {("gin", 0): {"mlp/auc": Measured(0.9)}})
    assert tested.verdict is UNKNOWN and "target/auc of gin, seed 0" in tested.reason


def test_what_is_compared_with_may_be_missing_and_the_figure_is_shown() -> None:
    """Catches a verdict without its control or ceiling, and a figure that vanishes with a row beside it."""
    for fields in ({"controls": ["never"]}, {"power": {"of": "never"}}):
        tested = judge(claim(above=0.5, **fields), results())
        assert tested.verdict is UNKNOWN and tested.reason == "no result for never/auc of gin, seed 0"
        assert tested.value == pytest.approx(0.7)
    assert judge(claim(above=0.5, rows=["never"]), results()).verdict is HOLDS


def test_a_claim_that_cannot_be_told_stays_so_whatever_is_measured() -> None:
    """Catches a verdict on nine encoders from three."""
    tested = judge(claim(above=0.5, cannot_tell="nine encoders, three here"), results())
    assert (tested.verdict, tested.reason, tested.p) == (UNKNOWN, "nine encoders, three here", None)
    assert tested.value == pytest.approx(0.7)


def test_a_figure_that_is_no_number_decides_nothing() -> None:
    """Catches a warning and an infinite fall where a captioner never said anything."""
    found = results(mlp=0.0)
    relative = Quantity(["auc"], ["gin"], minus="mlp", relative=True)
    assert np.isnan(per_seed(relative, found, 0).value)
    assert judge(Claim("x", "y", quantity=relative, above=0.0), found).verdict is UNKNOWN


def test_equal_seeds_decide_by_their_number() -> None:
    """Catches a difference of exactly nothing, in every seed, told as undecided."""
    zeros = [0.0, 0.0, 0.0]
    same = judge(claim(quantity=over_mlp(), above=0.0), results(zeros, target=0.5))
    above = judge(claim(above=0.5), results(zeros, target=0.7))
    assert (same.verdict, above.verdict) == (FAILS, HOLDS)
    assert "the same in each seed" in same.reason and "the same in each seed" in above.reason


def test_what_is_the_same_in_each_seed_has_no_p() -> None:
    """Catches a p of 0, "survives Holm", where no seed differs from another and Student's law has no spread."""
    same = judge(claim(quantity=over_mlp(), above=0.0), results([0.0, 0.0, 0.0], target=0.5))
    assert same.p is None and [one.survives for one in holm([same, having(0.01)])] == [None, True]
    assert [one.adjusted for one in holm([same, having(0.01)])] == [None, pytest.approx(0.01)]


def test_differences_and_shares_are_of_one_seed() -> None:
    """Catches means subtracted from each other whose seeds go up and down together."""
    found = {("gin", s): {"target/auc": Measured(0.6 + s), "mlp/auc": Measured(0.5 + s)} for s in range(3)}
    tested = judge(claim(quantity=over_mlp(), above=0.05), found)
    assert (tested.verdict, tested.low) == (HOLDS, pytest.approx(0.1))
    assert per_seed(Quantity(["auc"], ["gin"], minus="mlp", relative=True), found, 0).value == pytest.approx(0.2)
    lead = Quantity.read({**over_mlp(), "less": {**over_mlp(minus="target")}})
    assert per_seed(lead, found, 1).value == pytest.approx(0.1)


def having(p: float | None, verdict: Verdict = HOLDS) -> judging.Tested:
    return judging.Tested(claim(above=0.5), 0.7, 0.6, 0.8, verdict, p=p)


def test_a_verdict_survives_holm_where_its_p_does_among_all_that_were_tested() -> None:
    """Catches twenty claims, each at 2.5 %, none of which is corrected for the other nineteen."""
    adjusted = holm([having(0.04), having(0.01), having(None, UNKNOWN), having(0.02, FAILS)])
    assert [one.adjusted for one in adjusted] == [pytest.approx(0.04), pytest.approx(0.03), None, pytest.approx(0.04)]
    assert [one.survives for one in holm([having(0.04), having(0.03), having(0.9, UNKNOWN)])] == [False, False, None]


def test_p_is_at_most_five_per_cent_just_where_there_is_a_verdict() -> None:
    """Catches a p that is not the interval's."""
    edge = 0.7 - 0.5 - HALF
    for bound, verdict in ((edge - 0.001, HOLDS), (edge + 0.001, UNKNOWN)):
        one = judge(claim(quantity=over_mlp(), above=bound), results())
        assert one.verdict is verdict and one.p is not None and (one.p <= 0.05) == (verdict is HOLDS)


@pytest.mark.parametrize(("ceiling", "verdict"), [(0.9, FAILS), (0.5, UNKNOWN), (0.1, UNKNOWN)])
def test_a_verdict_is_held_back_where_what_it_requires_does_not_hold(ceiling: float, verdict: Verdict) -> None:
    """Catches an attack that is said to find nothing where it could not find anything."""
    can_see = claim(quantity={"metrics": ["auc"], "experiments": ["gin"], "of": "mlp"}, above=0.5, name="can see")
    found = judge_all([claim(above=0.5, requires=["can see"]), can_see], results(target=0.4, mlp=ceiling))
    assert found[0].verdict is verdict and found[0].withheld == (verdict is UNKNOWN)
    assert ("requires can see" in found[0].reason) == (verdict is UNKNOWN)


@pytest.mark.parametrize(("target", "verdict"), [(0.7, HOLDS), (0.4, UNKNOWN)])
def test_what_is_seen_through_a_useless_model_says_little_of_what_is_not_seen(target: float, verdict: Verdict) -> None:
    """Catches a leak that is found and held back, and a defence that leaves nothing of use and is said to protect."""
    useful = claim(quantity={"metrics": ["auc"], "experiments": ["gin"], "of": "mlp"}, above=0.6, name="of use")
    power = {"of": "best", "margin": 0.1}
    asked = [claim(above=0.5, power=power, of_use=["of use"]), useful]
    tested = judge_all(asked, results(target=target, best=0.9, mlp=0.5))[0]
    assert tested.verdict is verdict and tested.withheld == (verdict is UNKNOWN)
    of_use = judge_all(asked, results(target=target, best=0.9, mlp=0.8))[0]
    assert of_use.verdict is (HOLDS if target > 0.5 else FAILS)


def test_what_is_held_back_holds_others_back() -> None:
    """Catches a verdict two requirements away from one that fails."""
    chain = [
        claim(above=0.5, requires=["b"]),
        claim(above=0.5, name="b", requires=["c"]),
        claim(above=0.95, name="c"),
    ]
    assert [one.verdict for one in judge_all(chain, results())] == [UNKNOWN, UNKNOWN, FAILS]
    with pytest.raises(InputError, match="one claim alone"):
        judge_all([chain[2], chain[2]], results())
    with pytest.raises(InputError, match="requires=can fly"):
        judge_all([claim(above=0.5, requires=["can fly"])], results())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantity": None, "above": 0.5}, "needs a quantity"),
        ({"abov": 0.5}, "unexpected"),
        ({}, "needs above, below, within"),
        ({"above": "0.5 or so"}, "claims.above=0.5 or so: a number"),
        ({"within": 0}, "claims.within=0: a number above 0"),
        ({"within": 0.1, "above": 0.1, "below": 0.2}, "beside one of above and below"),
        ({"above": 0.5, "controls": "untrained"}, "claims.controls=untrained: a list"),
        ({"above": 0.5, "rows": "untrained"}, "claims.rows=untrained: a list"),
        ({"above": 0.5, "requires": "c"}, "claims.requires=c: a list"),
        ({"above": 0.5, "of_use": ["c"]}, "claims.of_use=.*beside power"),
        ({"above": 0.5, "either": [{"reading": "a", "above": 0.1}]}, "none beside them"),
        ({"either": [{"above": 0.1}]}, "a name, `reading`"),
        ({"either": [{"reading": "a", "abov": 0.1}]}, "claims.either=abov: one of reading"),
        ({"either": [{"reading": "a"}]}, "needs above, below, within"),
        ({"above": 0.5, "power": {"of": "ceiling", "margn": 0.1}}, "claims.power=margn: one of of, metrics"),
        ({"above": 0.5, "power": {"of": "ceiling", "minus": "mlp"}}, "claims.power=minus: one of of, metrics"),
        ({"above": 0.5, "power": {"of": "ceiling", "margin": 0}}, "claims.power.margin=0: a number that is not 0"),
    ],
)
def test_a_claim_that_cannot_be_read_is_told_by_its_field(fields: dict[str, Any], message: str) -> None:
    """Catches a misspelt bound that is passed over, and rules that contradict each other."""
    with pytest.raises(InputError, match=message):
        claim(**fields)
