"""The answer of a run, in simulated worlds whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.evaluation.answer import (
    CANNOT_TELL,
    LEAKS,
    NONE_FOUND,
    Answer,
    Question,
    Standards,
    answered,
    models_needed,
    sureness,
)
from telltale.evaluation.difference import Difference

METRICS = (("AUC", 0.5, 0.55), ("TPR at 1 % FPR", 0.01, 0.05))


def question(
    excess: float, error: float, degrees: float = inf, metric: int = 0, attack: str = "lira", **controls: float
) -> Question:
    """One number of an attack, `excess` above chance; controls are so far above it, without an error of their own."""
    name, chance, smallest = METRICS[metric]
    above = {"chance": Difference(excess, error, degrees)}
    above |= {control: Difference(excess - reached, error, degrees) for control, reached in controls.items()}
    return Question(attack, name, chance, smallest, Difference(chance + excess, error, degrees), above)


def run_of(rng: np.random.Generator, leak: float, error: float, pairs: int, attacks: int = 9) -> Answer:
    """Answer a simulated run: attacks on the same pairs, whose numbers share half of their noise.

    Standard errors are estimated from the pairs, as those of a run are.
    """
    degrees = pairs - 1
    noise = rng.normal(size=(2, 1)) * np.sqrt(0.5) + rng.normal(size=(2, attacks)) * np.sqrt(0.5)
    errors = error * np.sqrt(rng.chisquare(degrees, size=(2, attacks)) / degrees)
    scale = np.array([[1.0], [0.8]])  # of the numbers: what would matter is .05 of AUC and .04 of TPR
    values = scale * (leak + error * noise)
    questions = [
        question(values[metric, attack], scale[metric, 0] * errors[metric, attack], degrees, metric, str(attack))
        for metric in range(2)
        for attack in range(attacks)
    ]
    return answered(questions, models=2 * pairs)


def shares(leak: float, error: float, pairs: int, runs: int = 1000) -> dict[str, float]:
    rng = np.random.default_rng(0)
    kinds = [run_of(rng, leak, error, pairs).kind for _ in range(runs)]
    return {kind: kinds.count(kind) / runs for kind in (LEAKS, NONE_FOUND, CANNOT_TELL)}


@pytest.mark.parametrize(("error", "pairs"), [(0.005, 32), (0.03, 4), (0.1, 2)])
def test_a_null_run_of_nine_attacks_leaks_in_no_more_than_one_of_twenty(error: float, pairs: int) -> None:
    """Catches the strongest of many attacks judged as if it had been the only one."""
    assert shares(0.0, error, pairs)[LEAKS] <= 0.05


def test_nothing_is_found_where_a_leak_would_have_been() -> None:
    """Catches "cannot tell" for ever, and a planted leak that is missed."""
    assert shares(0.0, 0.005, 32)[NONE_FOUND] >= 0.95
    assert shares(0.05, 0.005, 32)[LEAKS] >= 0.95


@pytest.mark.parametrize("leak", [0.0, 0.05])
def test_a_small_design_cannot_tell(leak: float) -> None:
    """Catches "no leak found" by eight models, which would have missed one."""
    found = shares(leak, 0.03, 4, runs=300)
    assert found[CANNOT_TELL] >= 0.7 and found[NONE_FOUND] <= 0.025


def test_what_matters_is_rarely_missed_by_the_answer_none_found() -> None:
    """Catches "no leak found" where exactly what would matter is there: the bound is one of 97.5 %."""
    for error in (0.01, 0.02, 0.03):
        assert shares(0.05, error, 8)[NONE_FOUND] <= 0.025


@pytest.mark.parametrize(("error", "degrees"), [(0.01, 31), (0.02, 7), (0.01, inf)])
def test_several_controls_do_not_hide_what_matters(error: float, degrees: float) -> None:
    """Catches a bound by the control that happens to be highest: of three, one answer in 16 was a false clean bill."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(2000):
        own, *controls = error * rng.normal(size=4)
        spread = rng.chisquare(degrees, 4) / degrees if np.isfinite(degrees) else np.ones(4)
        above = {"chance": Difference(0.05 + own, error * np.sqrt(spread[0]), degrees)}
        for place, control in enumerate(controls):
            paired = error * np.sqrt(2 * spread[1 + place])
            above[str(place)] = Difference(0.05 + own - control, paired, degrees)
        found.append(answered([Question("lira", "AUC", 0.5, 0.55, above["chance"], above)]).kind)
    assert found.count(NONE_FOUND) / len(found) <= 0.025


def test_a_control_must_be_exceeded_as_well_as_chance() -> None:
    """Catches a leak where the blind guess is as good: then it is the records, not memory."""
    assert answered([question(0.1, 0.01)]).kind == LEAKS
    blind = answered([question(0.1, 0.01, zero_query=0.1)])
    assert blind.kind == NONE_FOUND and blind.strongest is not None and blind.strongest.against == "zero_query"
    assert answered([question(0.1, 0.01, zero_query=0.02)]).kind == LEAKS


def test_no_bound_is_beyond_what_a_share_can_be() -> None:
    """Catches "AUC up to 1.138 is not ruled out", and an excess above a control cut at what only chance allows."""
    assert question(0.3, 0.2).bound == "1.000" and question(0.3, 0.05).bound == "0.898"
    assert question(0.4, 0.2, zero_query=-0.1).bound == "1.000"
    assert question(0.0, 9.0, zero_query=0.1).bound == "1.000 above zero_query"
    assert question(0.5, 0.05, zero_query=0.1).most > 0.9


def test_the_strongest_attack_answers_and_not_the_one_that_was_named() -> None:
    """Catches "no leak" by the attack on the command line, while a rival stands at .63."""
    found = answered([question(0.01, 0.01, attack="lira"), question(0.13, 0.01, attack="rmia")])
    assert found.kind == LEAKS and found.strongest is not None and found.strongest.attack == "rmia"
    by_tpr = answered([question(0.01, 0.01), question(0.1, 0.01, metric=1)])
    assert by_tpr.kind == LEAKS and by_tpr.strongest is not None and by_tpr.strongest.metric == "TPR at 1 % FPR"


def test_no_leak_is_found_only_where_nothing_hinders_it_and_all_is_measured() -> None:
    """Catches a clean bill for two shadows a side, or for ten non-members."""
    calm = question(0.0, 0.005)
    assert answered([calm]).kind == NONE_FOUND
    assert answered([calm], ["3 shadows a side"]).reasons == ("3 shadows a side",)
    unmeasured = Question("lira", "TPR", 0.01, 0.05, Difference(nan, nan), {}, "too few non-members")
    found = answered([calm, unmeasured])
    assert found.kind == CANNOT_TELL and found.reasons == ("too few non-members",) and found.tests == 1
    assert answered([]).kind == CANNOT_TELL
    assert answered([question(0.2, 0.01), unmeasured], ["3 shadows a side"]).kind == LEAKS  # what is found is found


def test_members_that_score_below_others_are_no_clean_bill() -> None:
    """Catches "no leak found: AUC at most 0.249" where members are told from others the other way round."""
    low, calm = replace(question(-0.26, 0.005), turned="is the sign turned?"), question(0.0, 0.005, attack="rmia")
    found = answered([low, calm])
    assert found.kind == CANNOT_TELL and found.models is None
    said = "members score lower than others by lira (AUC 0.240 [0.229, 0.251]): is the sign turned?"
    assert found.reasons == (said,)
    assert answered([question(-0.26, 0.005), question(0.1, 0.01, attack="rmia")]).kind == LEAKS
    blind = answered([question(-0.005, 0.005, metric=1), calm])  # below 1 % of members at 1 % is nothing yet
    assert blind.kind == NONE_FOUND
    assert answered([replace(question(-0.5, 0.0), records=74)]).kind == CANNOT_TELL


@pytest.mark.parametrize(("degrees", "error"), [(inf, 0.01), (3, 0.002)])
def test_nine_attacks_without_a_leak_rank_members_lower_in_few_runs(degrees: float, error: float) -> None:
    """Catches the lowest of nine attacks judged as if it had been the only one: one null run in five was."""
    rng = np.random.default_rng(0)
    kinds = []
    for _ in range(1000):
        spread = np.sqrt(rng.chisquare(degrees, 9) / degrees) if np.isfinite(degrees) else np.ones(9)
        numbers = zip(error * rng.normal(size=9), error * spread, map(str, range(9)), strict=True)
        found = answered([question(off, own, degrees, attack=name) for off, own, name in numbers])
        kinds.append(any("lower" in reason for reason in found.reasons))
    assert 0.005 < np.mean(kinds) <= 0.035


def test_the_number_of_models_needed_would_tell() -> None:
    """Catches advice that leaves the next run as undecided as this one."""
    wide = question(0.0, 0.05, degrees=3)
    needed = models_needed(wide, 8, tests=18)
    assert needed is not None and needed > 8
    again = shares(0.0, 0.05 * np.sqrt(8 / needed), needed // 2, runs=300)
    assert 0.75 <= again[NONE_FOUND] < 1  # planned for four in five
    fewer = shares(0.0, 0.05 * np.sqrt(4 * 8 / needed), needed // 8, runs=300)
    assert fewer[CANNOT_TELL] > 0.75  # and a quarter of them would not do
    assert models_needed(question(0.0, 0.05), 1) is None and models_needed(question(0.0, 3.0, degrees=3), 8) is None


@pytest.mark.parametrize(("records", "kind"), [(10, CANNOT_TELL), (74, NONE_FOUND)])
def test_none_of_ten_rules_out_less_than_none_of_many(records: int, kind: str) -> None:
    """Catches "at most 0.000" of a few records alike, whose bootstrap has no spread: of ten, 31 % may be otherwise."""
    alike = replace(question(0.0, 0.0, degrees=3), records=records)
    found = answered([alike], models=8)
    assert found.kind == kind and found.models is None  # more models would not help
    assert alike.most == pytest.approx(0.5 + 1 - 0.025 ** (1 / records))


@pytest.mark.parametrize(("records", "kind"), [(1, CANNOT_TELL), (2, CANNOT_TELL), (6, LEAKS)])
def test_one_record_that_is_found_is_no_leak_yet(records: int, kind: str) -> None:
    """Catches p = 0 of a number without spread: one picture of one is recognised by luck, too."""
    assert answered([replace(question(0.5, 0.0), records=records)]).kind == kind


def test_what_is_not_ruled_out_above_a_control_is_told_so() -> None:
    """Catches "AUC up to 0.569" of an attack at .600, whose control stands at .600 as well."""
    (reason,) = answered([question(0.1, 0.031, zero_query=0.1)]).reasons
    assert reason == (
        "lira has AUC 0.600, surely more than chance, and not surely more than zero_query: "
        "AUC up to 0.069 above zero_query is not ruled out (lira)"
    )
    assert answered([question(0.0, 0.031)]).reasons == ("AUC up to 0.561 is not ruled out (lira)",)


def test_how_sure_an_accusation_is_depends_on_the_prior() -> None:
    """Catches precision in the game, where half are members, sold as that of the world."""
    assert sureness(0.18, 0.01, 0.5) == pytest.approx(18 / 19)
    assert sureness(0.01, 0.01, 0.2) == pytest.approx(0.2)  # guessing knows the prior
    assert np.isnan(sureness(0.0, 0.0, 0.5))


@pytest.mark.parametrize(
    ("option", "value"), [("prior", 0.0), ("prior", 1.0), ("auc", 0.5), ("tpr", 0.01), ("share", 1)]
)
def test_standards_out_of_range_are_refused(option: str, value: float) -> None:
    """Catches a prior that leaves nothing to infer, and an effect no larger than guessing."""
    with pytest.raises(InputError, match=f"report.{option}"):
        Standards(**{option: value})
