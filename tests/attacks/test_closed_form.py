"""Every membership attack, held to the best there is: worlds whose optimal ROC curve is known.

What the attacks reach here (K = 46 shadows; laws in telltale.evaluation.closed_form):

- LiRA falls short of the optimum by what its estimated means cost, and per point by its estimated variances too.
  Offline loses nothing more: a point's variances are equal in and out.
- RMIA online judges by φ minus the mean over all reference models and so loses less than LiRA, whose estimated
  difference of means is a factor of its score. Offline, its p(x) removes a share (1 + a)/(3 − a) of a point's own
  level: all of it at a = 1 only, which is tuned on a single model.
- Attacks without calibration cannot know a point's level ⟨u, mean of the pool⟩, half of φ's variance in gaussian_mean:
  they reach the curve of raw φ. Canaries have no such level, and there they are as good as any.
- Entropy and the largest probability see |φ|, the gap attack its sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from telltale.attacks.base import Attack
from telltale.attacks.membership.gaussians import likelihood_ratio as lira
from telltale.attacks.membership.lira import LiRA
from telltale.attacks.membership.shadow_attack import ShadowAttack
from telltale.evaluation.closed_form import (
    ScoreLaw,
    against_midpoint,
    canary_separation,
    gaussian_mean_signal,
    likelihood_ratio,
    one_sided,
    pool_separation,
    with_finite_shadows,
)
from telltale.evidence import MembershipScores
from telltale.game.game import Game
from tests.attacks.closed_form_worlds import (
    FPRS,
    HEAD_INIT,
    LEARNING_RATE,
    MEMBERS,
    SCALE,
    Played,
    canary_game,
    deviation,
    gaussian_game,
    optimum,
    play,
)
from tests.attacks.configured import ATTACKS, configured, judged

VICTIMS = 48
SHADOWS = VICTIMS - 2
BAND = 3  # standard errors
WORLDS = ("gaussian_mean", "canaries")
UNCALIBRATED = ("loss", "confidence", "logit", "modified_entropy", "shadow_classifier")
SHORT = {  # of what its access gives, and why; held to worlds of its own in test_transfer_rivals
    "tmi": "its networks get φ as it is, here some thousandths, from which weights of order 1 learn nothing",
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Played]:
    folder = tmp_path_factory.mktemp("worlds")
    return {
        "gaussian_mean": play(gaussian_game(folder / "gaussian", VICTIMS)),
        "canaries": play(canary_game(folder / "canaries", VICTIMS)),
    }


def separations(world: str, game: Game) -> np.ndarray:
    """Return δ of every challenge point."""
    points = game.pools.challenge
    if world == "canaries":
        return np.full(len(points), canary_separation(MEMBERS, SCALE, LEARNING_RATE, HEAD_INIT))
    signs = (2 * points.labels - 1)[:, None]
    return pool_separation(signs * np.pad(points.features.astype(float), ((0, 0), (0, 1)), constant_values=1), MEMBERS)


def raw(world: str, separation: np.ndarray) -> ScoreLaw:
    """Return the law of φ itself: canaries have no level of their own to be calibrated away."""
    return one_sided(separation) if world == "canaries" else gaussian_mean_signal(MEMBERS, MEMBERS)


@cache
def one_variance_a_point(separation: float, shadows: int) -> dict[str, float]:
    """Play LiRA with estimated means and variances on independent normals, as algorithm 1 has it."""
    rng, draws = np.random.default_rng(0), 50_000
    scores = []
    for level in (separation, 0.0):
        within, without = rng.normal(size=(2, shadows // 2, draws)) + np.array([separation, 0.0])[:, None, None]
        target = rng.normal(level, size=draws)
        densities = [norm.logpdf(target, side.mean(0), side.std(0)) for side in (within, without)]
        scores.append(densities[0] - densities[1])
    members, others = scores
    area = np.searchsorted(np.sort(others), members).mean() / draws
    return {"auc": area, **{f"tpr {fpr}": float((members > np.quantile(others, 1 - fpr)).mean()) for fpr in FPRS}}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_exceeds_the_optimum(played: Mapping[str, Played], world: str, attack: str) -> None:
    """Catches an attack that knows more than it may, whatever its name for it."""
    best = optimum(likelihood_ratio(separations(world, played[world].game)))
    for metric, found in played[world].measured(attack).items():
        assert found.value <= best[metric] + BAND * deviation(found), metric


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_reaches_what_its_access_gives_without_calibration(
    played: Mapping[str, Played], world: str, attack: str
) -> None:
    """Catches an attack that finds less than its signal holds, and one that is excused and need not be."""
    least = uncalibrated(ATTACKS[attack], raw(world, separations(world, played[world].game)))
    found = played[world].measured(attack)["auc"]
    assert (found.value < least - BAND * deviation(found)) == (attack in SHORT), (found.value, least)


def uncalibrated(attack: Attack, law: ScoreLaw) -> float:
    """Return the area under φ with the true label, under |φ| without one, and under the sign of φ from labels alone."""
    if "probabilities" not in attack.access:
        return law.sign_auc()
    return law.auc() if attack.uses_true_labels else law.magnitude_auc()


@pytest.mark.parametrize("world", WORLDS)
def test_scores_at_random_fall_short_of_every_access(played: Mapping[str, Played], world: str) -> None:
    """Shows that the test above can fail, for an attack of any access."""
    game, rng = played[world].game, np.random.default_rng(0)
    found = played[world].measured("", MembershipScores(rng.random(game.unseal().membership.shape)))["auc"]
    law = raw(world, separations(world, game))
    assert found.value < min(law.auc(), law.magnitude_auc(), law.sign_auc()) - BAND * deviation(found)


def test_an_attack_is_held_to_the_worlds_once_its_file_is_there(tmp_path: Path) -> None:
    """Catches a list of attacks that is kept by hand."""
    for group, name, text in (
        ("rivals", "none", "{}"),
        ("rivals", "mine", "mine: {_target_: telltale.attacks.membership.threshold.Threshold, signal: entropy}"),
        ("attack", "_shared", "victims: 8"),
        ("attack", "mine", "_target_: telltale.attacks.membership.lira.LiRA"),
        ("attack", "same", "_target_: telltale.attacks.membership.lira.LiRA"),
        ("attack", "other", "_target_: telltale.attacks.embedding_membership.attack.EmbeddingMembership"),
    ):
        (tmp_path / group).mkdir(exist_ok=True)
        (tmp_path / group / f"{name}.yaml").write_text(text)
    (tmp_path / "config.yaml").write_text("defaults: [rivals: none, attack: same]")
    found = configured(tmp_path)
    assert {name: type(attack).__name__ for name, attack in found.items()} == {
        "mine": "Threshold",
        "attack=mine": "LiRA",
    }


def assert_reached(played: Played, attack: str, expected: Mapping[str, float]) -> None:
    for metric, found in played.measured(attack).items():
        assert found.value == pytest.approx(expected[metric], abs=BAND * deviation(found)), metric


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack", ["lira_fixed", "lira_global", "vector_lira_global", "adapted_lira_fixed"])
def test_lira_reaches_the_optimum_less_the_cost_of_estimated_means(
    played: Mapping[str, Played], world: str, attack: str
) -> None:
    """Catches in and out swapped, rows of other models, a midpoint that is biased."""
    law = with_finite_shadows(separations(world, played[world].game), SHADOWS)
    assert_reached(played[world], attack, optimum(law))


@pytest.mark.parametrize("world", WORLDS)
def test_the_intervals_of_lira_with_many_shadows_cover_the_optimum(
    tmp_path_factory: pytest.TempPathFactory, world: str
) -> None:
    """Catches what the bands above are too wide to see; what 126 shadows cost, 0.002 of the area, is in the law."""
    make = canary_game if world == "canaries" else gaussian_game
    game, attack = make(tmp_path_factory.mktemp("many"), 128), ATTACKS["lira_global"]
    best = optimum(with_finite_shadows(separations(world, game), 126))
    for metric, found in Played(game, {}).measured("", judged(attack, game.world(attack.access))).items():
        assert found.low <= best[metric] <= found.high, metric


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack", ["lira", "vector_lira"])
def test_lira_with_a_variance_a_point_reaches_what_estimated_variances_leave(
    played: Mapping[str, Played], world: str, attack: str
) -> None:
    """Catches a variance that is wrong, of the target's own values, or of the wrong side."""
    typical = float(np.median(separations(world, played[world].game)))
    assert_reached(played[world], attack, one_variance_a_point(typical, SHADOWS))


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack", ["lira_offline", "lira_offline_fixed"])
def test_lira_offline_reaches_the_one_sided_test(played: Mapping[str, Played], world: str, attack: str) -> None:
    """Catches the tail the wrong way round, which would mirror the curve, and a two-sided one."""
    law = one_sided(separations(world, played[world].game), SHADOWS)
    assert_reached(played[world], attack, optimum(law))


@pytest.mark.parametrize("world", WORLDS)
def test_rmia_reaches_the_test_against_the_midpoint(played: Mapping[str, Played], world: str) -> None:
    """Catches points that are compared uncalibrated, or by other points' references.

    Not a p(x) of one side only: the other side differs by the same δ for all points, which changes no rank.
    """
    law = against_midpoint(separations(world, played[world].game), SHADOWS)
    assert_reached(played[world], "rmia", optimum(law))


@pytest.mark.parametrize("world", WORLDS)
def test_rmia_offline_lies_between_no_calibration_and_all_of_it(played: Mapping[str, Played], world: str) -> None:
    """Catches an offset tuned the wrong way, and one that is never applied."""
    separation = separations(world, played[world].game)
    found = played[world].measured("rmia_offline")["auc"]
    assert found.value >= raw(world, separation).auc() - BAND * deviation(found)
    if world == "gaussian_mean":
        assert found.low > raw(world, separation).auc() + 0.02
    assert found.value <= one_sided(separation, SHADOWS).auc() + BAND * deviation(found)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack", UNCALIBRATED)
def test_attacks_without_calibration_reach_the_curve_of_the_signal(
    played: Mapping[str, Played], world: str, attack: str
) -> None:
    """Catches a signal of the wrong class or sign, and attack networks that learn less than the order of φ."""
    assert_reached(played[world], attack, optimum(raw(world, separations(world, played[world].game))))


@pytest.mark.parametrize("world", WORLDS)
def test_attacks_that_see_less_than_the_signal_reach_their_own_areas(played: Mapping[str, Played], world: str) -> None:
    """Catches a label used by those that have none, and a gap attack that sees probabilities."""
    law = raw(world, separations(world, played[world].game))
    for attack, expected in (
        ("entropy", law.magnitude_auc()),
        ("largest", law.magnitude_auc()),
        ("gap", law.sign_auc()),
    ):
        found = played[world].measured(attack)["auc"]
        assert found.value == pytest.approx(expected, abs=BAND * deviation(found)), attack


@pytest.mark.parametrize("world", WORLDS)
def test_thresholds_fixed_on_shadows_give_the_balanced_accuracy_of_the_optimum(
    played: Mapping[str, Played], world: str
) -> None:
    """Catches a threshold of the wrong sign or scale: the best is Λ = 1, with balanced accuracy E Φ(δ/2)."""
    one, truth = played[world].scores["lira_global"], played[world].game.unseal().membership
    called = one.scores >= one.thresholds(VICTIMS)[:, None]
    accuracy = (called[truth].mean() + 1 - called[~truth].mean()) / 2
    assert accuracy == pytest.approx(norm.cdf(separations(world, played[world].game) / 2).mean(), abs=0.02)


def mistaken(game: Game, attack: ShadowAttack, mistake: str) -> MembershipScores:
    """Score as LiRA online with one variance does, with one mistake built in."""
    world = game.world(attack.access)
    signals = {release.key: attack.signal(release, world.knowledge) for release in world.releases}
    own = game.unseal().membership
    scores = []
    for victim, release in enumerate(world.releases):
        releases, rows = world.shadows(victim)
        shadows, target = np.stack([signals[shadow.key] for shadow in releases]), signals[release.key]
        if mistake == "own row used":
            shadows, rows = np.concatenate([shadows, target[None]]), np.concatenate([rows, own[victim][None]])
        if mistake == "in and out swapped":
            rows = ~rows
        if mistake == "tail reversed":
            scores.append(lira(-target, -shadows, rows, online=False))
        else:
            scores.append(lira(target, shadows, rows, variance="pooled"))
    return MembershipScores(np.stack(scores))


@pytest.mark.parametrize("mistake", ["in and out swapped", "tail reversed"])
def test_the_curve_shows_a_score_that_is_upside_down(played: Mapping[str, Played], mistake: str) -> None:
    """Shows that the tests above can fail."""
    found = played["canaries"].measured("", mistaken(played["canaries"].game, LiRA(), mistake))["auc"]
    assert found.high < 0.3


def test_few_models_show_a_victims_own_row_among_its_shadows(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Shows that the tests above can fail: with 6 shadows the leak lifts the area over the optimum."""
    game = canary_game(tmp_path_factory.mktemp("own"), 8)
    best = likelihood_ratio(separations("canaries", game)).auc()
    played = Played(game, {})
    assert played.measured("", mistaken(game, LiRA(), "own row used"))["auc"].low > best
    assert played.measured("", mistaken(game, LiRA(), "none"))["auc"].value < best
