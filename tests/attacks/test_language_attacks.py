"""Attacks on language models: each finds memory that was planted, makes none up, and asks for no more than it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from telltale.attacks.base import Attack
from telltale.attacks.membership.lira import LiRA, TextLiRA
from telltale.attacks.membership.rmia import RMIA, TextRMIA
from telltale.attacks.membership.text_threshold import SIGNALS, ReferenceRatio, TextThreshold
from telltale.attacks.membership.threshold import Threshold
from telltale.attacks.tmi.ceiling import Ceiling
from telltale.data.pools import PoolSizes, deal
from telltale.errors import InputError
from telltale.evaluation.influence import auc_influence
from telltale.evidence import MembershipScores
from telltale.game.game import Game
from telltale.game.world import World
from tests.attacks.text_worlds import text_world
from tests.training import texts as tiny

ATTACKS = {
    **{name: TextThreshold(name) for name in SIGNALS},
    "reference": ReferenceRatio(),
    "lira": TextLiRA(),
    "lira_fixed": TextLiRA(variance="pooled_per_side"),
    "lira_offline": TextLiRA(online=False),
    "rmia": TextRMIA(),
    "rmia_offline": TextRMIA(online=False),
}
CALIBRATED = [name for name in ATTACKS if name not in SIGNALS]
SPEAKS, CLASSIFIES, NOTHING = (frozenset(of) for of in (("text_log_probs",), ("probabilities", "labels"), ()))


def judged(attack: Attack, world: World) -> MembershipScores:
    evidence = attack.run(world)
    assert isinstance(evidence, MembershipScores)
    return evidence


def area(attack: Attack, memory: float, seeds: int = 1) -> float:
    areas = []
    for seed in range(seeds):
        world, members = text_world(memory, seed=seed)
        scores = judged(attack, world).scores
        areas.append(auc_influence(scores.ravel(), members.ravel())[0])
    return float(np.mean(areas))


@pytest.mark.parametrize("name", ATTACKS)
def test_planted_memory_is_found_and_none_is_made_up(name: str) -> None:
    """Catches a sign that is turned, rows of another text, and a judge that knows who is in the target."""
    assert area(ATTACKS[name], 1.0) > (0.9 if name in CALIBRATED else 0.55)
    assert area(ATTACKS[name], 0.0, seeds=2) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("name", CALIBRATED)
def test_calibration_takes_off_how_easy_a_text_is(name: str) -> None:
    """Catches a reference that is never applied: log p alone hides memory behind how easy texts are."""
    assert area(ATTACKS[name], 0.5) > area(ATTACKS["loss"], 0.5) + 0.15


@pytest.mark.parametrize("name", ATTACKS)
def test_a_victims_own_row_changes_nothing_that_is_seen(name: str) -> None:
    """Catches an attack that reads the membership it is to guess: no score moves where only the truth is another."""
    (one, truth), (other, changed) = text_world(0.5), text_world(0.5, other_truth=True)
    assert (truth[0] != changed[0]).any() and (truth[2:] == changed[2:]).all()
    before, after = judged(ATTACKS[name], one), judged(ATTACKS[name], other)
    assert (before.scores[:2] == after.scores[:2]).all()
    assert (before.thresholds(16)[:2] == after.thresholds(16)[:2]).all()


@pytest.mark.parametrize("name", ATTACKS)
def test_thresholds_are_fixed_on_shadows(name: str) -> None:
    """Catches a threshold that calls all texts members, and none at all."""
    world, members = text_world(1.0)
    found = judged(ATTACKS[name], world)
    called = found.scores >= found.thresholds(16)[:, None]
    assert (called[members].mean() + 1 - called[~members].mean()) / 2 > (0.8 if name in CALIBRATED else 0.52)


def test_the_likelihood_ratio_is_that_of_the_mean_log_p() -> None:
    """Catches a ratio of sums over tokens, and Gaussians of the wrong side."""
    world, _ = text_world(0.5)
    (shadows, rows), texts, at = world.shadows(0), world.knowledge.challenge, 3
    said = np.array([np.nanmean(one.text_log_probs(texts)[at]) for one in shadows])
    target = np.nanmean(world.releases[0].text_log_probs(texts)[at])
    within, without = said[rows[:, at]], said[~rows[:, at]]
    expected = stats.norm.logpdf(target, within.mean(), within.std())
    expected -= stats.norm.logpdf(target, without.mean(), without.std())
    assert judged(TextLiRA(), world).scores[0, at] == pytest.approx(expected)


def test_rmias_probability_is_the_geometric_mean_over_tokens() -> None:
    """Catches the probability of a whole text, beside which the offline marginal is a constant."""
    world, _ = text_world(0.5)
    signal, texts = TextRMIA().signal(world.releases[0], world.knowledge), world.knowledge.challenge
    log_probs = world.releases[0].text_log_probs(texts)[7]
    assert signal[7] == pytest.approx(
        np.prod(np.exp(log_probs[~np.isnan(log_probs)])) ** (1 / (~np.isnan(log_probs)).sum())
    )
    assert len(signal) == len(texts) + len(world.knowledge.population)


def test_min_k_plus_plus_alone_asks_for_moments() -> None:
    """Catches a threat model that grants more than an attack asks for."""
    assert {name for name, one in ATTACKS.items() if "text_moments" in one.access} == {"min_k_plus_plus"}
    assert all("text_log_probs" in one.access and one.accepts == {"text"} for one in ATTACKS.values())


def test_an_attack_on_classifiers_reads_texts_where_a_language_model_is_released() -> None:
    """Catches a word that asks a language model for classes, and one that asks a classifier of texts for tokens."""
    for word, text in (
        (LiRA(online=False, variance="pooled"), TextLiRA(False, "pooled")),
        (RMIA(False), TextRMIA(False)),
    ):
        found = word.against(SPEAKS, NOTHING)
        assert (type(found), vars(found)) == (type(text), vars(text)) and word.against(CLASSIFIES, SPEAKS) is word
    assert type(Threshold("loss").against(SPEAKS, NOTHING)) is TextThreshold
    assert type(Threshold("entropy").against(SPEAKS, NOTHING)) is Threshold
    with pytest.raises(InputError, match=r"attack\.augmentation"):
        LiRA(augmentation="flip").against(SPEAKS, NOTHING)


@pytest.mark.parametrize("name", ATTACKS)
def test_behind_a_classifier_of_texts_the_language_model_itself_is_met(name: str) -> None:
    """Catches a ceiling that asks what was fine-tuned, and an attack that is changed for everybody."""
    attack = ATTACKS[name]
    ceiling = attack.against(CLASSIFIES, SPEAKS)
    assert ceiling.before_transfer and type(ceiling) is type(attack) and not attack.before_transfer
    assert attack.against(SPEAKS, NOTHING) is attack and attack.against(CLASSIFIES, NOTHING) is attack


def test_the_ceiling_of_a_transfer_reads_texts_too() -> None:
    """Catches the one yardstick of a transfer that a language model has no classes for."""
    found = Ceiling().against(CLASSIFIES, SPEAKS)
    assert type(found) is TextLiRA and found.before_transfer
    assert type(Ceiling().against(CLASSIFIES, CLASSIFIES)) is Ceiling


@pytest.mark.parametrize(
    "options", [{"signal": "entropy"}, {"signal": "min_k", "k": 0.0}, {"signal": "min_k", "k": 101}]
)
def test_options_out_of_range_are_refused(options: dict) -> None:
    """Catches a typing error that trains sixteen models first."""
    with pytest.raises(InputError, match=r"attack\.(signal|k)"):
        TextThreshold(**options)
    with pytest.raises(InputError, match=r"attack\.references"):
        ReferenceRatio(references=0)


@pytest.fixture(scope="module")
def learned_by_heart(tmp_path_factory: pytest.TempPathFactory) -> Game:
    """Return six tiny transformers that learned twenty random texts each by heart."""
    pools = deal(tiny.texts_of(100), PoolSizes(members=20, non_members=20, auxiliary=20, population=20), 0)
    owned = tiny.recipe_in(
        tmp_path_factory.mktemp("store"), objective=tiny.objective_of(epochs=40, schedule="constant")
    )
    return Game(pools, owned.recipe, owned.owner, 6, seed=0)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_transformer_that_learned_texts_by_heart_is_found_out(learned_by_heart: Game, name: str) -> None:
    """Catches a call of a real release that is read at the wrong place, and a reference that cannot be trained."""
    game = learned_by_heart
    scores, members = judged(ATTACKS[name], game.world(ATTACKS[name].access)).scores, game.unseal().membership
    assert auc_influence(scores.ravel(), members.ravel())[0] > 0.9
