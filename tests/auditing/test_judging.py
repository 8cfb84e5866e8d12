"""What is said of a model that exists: a planted leak is found, none is made up, to differ in kind is no leak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from telltale.attacks.membership.audit import Audit
from telltale.attacks.membership.by_record import Plain
from telltale.auditing.judging import Manner, judged, usable
from telltale.configuration.parsed import attacks_named
from telltale.errors import InputError
from telltale.evaluation.answer import CANNOT_TELL, LEAKS
from telltale.evaluation.statistics import Resampling
from telltale.evaluation.strata import AMONG_ALIKE, NO_MODEL, strata_of, within_strata
from telltale.game.answers import Answers, world_of
from telltale.reporting.answering import spoken
from tests.auditing.worlds import ERROR, of_values

MANNER = Manner(seed=1, replicates=300)


def test_a_planted_leak_is_found_beside_a_detector_that_finds_nothing() -> None:
    """Catches an audit that misses a model which remembers its members."""
    outcome = judged(of_values(memory=0.7, shift=0.0), ERROR, MANNER)
    assert spoken(outcome).kind == LEAKS
    assert outcome.scored.metrics["target"]["auc"].low > 0.6
    assert outcome.scored.metrics[NO_MODEL]["auc"].low < 0.5 < outcome.scored.metrics[NO_MODEL]["auc"].high + 0.03


@pytest.mark.parametrize("seed", range(3))
def test_a_model_without_memory_does_not_leak(seed: int) -> None:
    """Catches an audit that cries wolf."""
    outcome = judged(of_values(memory=0.0, shift=0.0, seed=seed), ERROR, MANNER)
    assert spoken(outcome).kind != LEAKS


@pytest.mark.parametrize("seed", range(3))
def test_members_that_differ_in_kind_are_no_leak(seed: int) -> None:
    """Catches a verdict of memory where members have smaller errors because they are other records."""
    outcome = judged(of_values(memory=0.0, shift=1.5, seed=seed), ERROR, MANNER)
    said = spoken(outcome)
    assert outcome.scored.metrics["target"]["auc"].low > 0.6  # the attack alone would accuse
    assert said.kind == CANNOT_TELL
    assert "your members differ from your held-out records without the model" in said.sentence


def test_memory_is_found_among_records_that_look_alike() -> None:
    """Catches strata that hide a leak together with the difference in kind."""
    outcome = judged(of_values(memory=0.9, shift=0.5, points=1200), ERROR, MANNER)
    alike = outcome.scored.metrics["target"][AMONG_ALIKE]
    assert alike.low > 0.6
    assert spoken(outcome).kind == LEAKS


def test_attacks_see_nothing_of_the_membership() -> None:
    """Catches a score that changes where only the truth does."""
    answers = of_values(memory=0.5, shift=0.0)
    other = replace(answers, membership=answers.membership[:, ::-1].copy())
    first, second = judged(answers, ERROR, MANNER), judged(other, ERROR, MANNER)
    for name in ("target", "population"):
        assert np.array_equal(first.evidence[name].scores, second.evidence[name].scores)
    assert first.scored.metrics["target"]["auc"].value != second.scored.metrics["target"]["auc"].value


def test_records_of_one_person_are_one_draw() -> None:
    """Catches an interval that shrinks where every record is there twice."""
    answers = of_values(memory=0.4, shift=0.0)
    once = judged(replace(answers, features=None), ERROR, MANNER).scored.metrics["target"]["auc"]
    twice = replace(
        answers,
        answers=np.tile(answers.answers, (1, 2)),
        membership=np.tile(answers.membership, (1, 2)),
        labels=np.tile(answers.labels, 2),
        groups=np.tile(np.arange(answers.points), 2),
        features=None,
    )
    both = judged(twice, ERROR, MANNER).scored.metrics["target"]["auc"]
    naive = judged(replace(twice, groups=None), ERROR, MANNER).scored.metrics["target"]["auc"]
    assert both.value == pytest.approx(once.value)
    assert both.standard_error == pytest.approx(once.standard_error, rel=0.15)
    assert naive.standard_error < 0.85 * once.standard_error


def test_the_area_within_strata_is_as_sure_as_the_records_that_are_compared() -> None:
    """Catches an interval of 100 records, where but two of either side have any to be compared with."""
    truth, strata = np.arange(200) < 100, np.arange(200)
    strata[[0, *range(100, 119)]] = 0  # one member beside 19 others
    strata[[1, 2, 3, 4, 5, 6, 119]] = 1
    plan = Resampling.over(200, 50, seed=0)
    measured = within_strata(truth[None].astype(float), truth[None], strata, plan)[AMONG_ALIKE]
    assert measured.value == 1 and measured.rarer == 7  # of seven members and 20 others


def test_the_area_within_strata_is_that_of_their_pairs() -> None:
    """Catches weights other than pairs: stratum 0 has AUC 1 of 1 pair, stratum 1 has 0.5 of 4."""
    scores = np.array([[2.0, 1.0, 5.0, 5.0, 5.0, 5.0]])
    truth = np.array([[True, False, True, False, True, False]])
    plan = Resampling.over(6, 50, seed=0)
    measured = within_strata(scores, truth, np.array([0, 0, 1, 1, 1, 1]), plan)[AMONG_ALIKE]
    assert measured.value == pytest.approx((1 * 1 + 4 * 0.5) / 5)
    assert not within_strata(scores, truth, np.arange(6), plan)


def test_strata_hold_records_that_a_detector_scores_alike() -> None:
    """Catches a stratum too small to rank anything, and ties torn apart."""
    assert set(strata_of(np.zeros(100))) == {0} or len(set(strata_of(np.zeros(100)))) == 1
    assert np.bincount(strata_of(np.arange(45.0))).min() >= 20


def test_what_cannot_work_is_left_out_with_its_reason() -> None:
    """Catches an attack that is dropped in silence, and a run with none left."""
    answers = of_values(memory=0.5, shift=0.0)
    without = replace(answers, population=None, population_labels=None, population_features=None)
    kept, left_out = usable(ERROR, without)
    assert list(kept) == ["error"]
    assert "held-out records" in left_out["population"]
    outcome = judged(without, ERROR, MANNER)
    assert any("left out: population" in note for note in outcome.notes)
    with pytest.raises(InputError, match="none of them can work with values"):
        judged(without, {"population": ERROR["population"]}, MANNER)


def test_three_models_are_judged_by_what_asks_for_no_shadows() -> None:
    """Catches answers of three models refused, where those of two and of four are judged."""
    rng = np.random.default_rng(0)
    member, labels = rng.integers(0, 2, (3, 200)).astype(bool), rng.integers(0, 2, 200)
    sure = np.clip(0.6 + 0.3 * member + 0.05 * rng.normal(size=(3, 200)), 0.01, 0.99)
    said = np.abs(np.stack([labels, 1 - labels], -1) - sure[..., None])
    kept, _ = usable(attacks_named("scores"), Answers("probabilities", said, member, labels=labels))
    plain = {name for name, attack in kept.items() if isinstance(attack, Plain)}
    assert plain and judged(Answers("probabilities", said, member, labels=labels), kept, MANNER).scored.metrics
    more = np.concatenate([said, rng.dirichlet([1, 1], (1, 200))])
    of_four = Answers("probabilities", more, np.concatenate([member, ~member.all(0)[None]]), labels=labels)
    assert not any(isinstance(attack, Plain) for attack in usable(attacks_named("scores"), of_four)[0].values())


def test_where_no_attack_can_work_what_is_lacking_is_told_in_short() -> None:
    """Catches 700 characters that name every attack, each with a reason of its own."""
    of_class = Answers("labels", np.zeros((1, 40), int), (np.arange(40) < 20)[None])
    with pytest.raises(InputError, match=r"none of them can work with labels: reads .* which is not given$") as told:
        judged(of_class, attacks_named("scores"), MANNER)
    assert len(str(told.value)) < 200


def test_leave_one_out_never_hands_a_victim_its_own_row() -> None:
    """Catches the complement of a victim among its shadows, whose row would tell the victim's."""
    membership = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1]], bool)
    answers = Answers("values", np.zeros((4, 4)), membership, labels=np.zeros(4))
    world = world_of(answers, frozenset({"values"}), 0)
    assert [members.tolist() for _, members in map(world.shadows, range(2))] == [membership[2:].tolist()] * 2
    with pytest.raises(ValueError, match="read-only"):
        world.shadows(0)[1][0, 0] = False


def test_two_pairs_of_models_have_no_threshold_where_none_can_be_fixed() -> None:
    """Catches a traceback where two shadows, each all that the other was not, cannot stand in for a target."""
    rng = np.random.default_rng(0)
    half = rng.permuted(np.tile(np.arange(40) % 2 == 0, (2, 1)), axis=1)
    pairs = np.stack([half, ~half], 1).reshape(4, 40)
    answers = Answers("probabilities", rng.dirichlet([1, 1], (4, 40)), pairs, labels=rng.integers(0, 2, 40))
    named = {name: attack for name, attack in attacks_named("scores").items() if name in ("lira_fixed", "loss")}
    outcome = judged(answers, named, MANNER)
    assert "balanced_accuracy" in outcome.scored.metrics["loss"]
    assert "balanced_accuracy" not in outcome.scored.metrics["target"] and outcome.attack == "lira_fixed"


def test_an_audit_needs_a_model_that_exists() -> None:
    """Catches an audit of a recipe, of which no model is there yet."""
    with pytest.raises(InputError, match="a model that exists"):
        Audit().check(world_of(of_values(0.0, 0.0), frozenset({"values"}), 0).knowledge)
