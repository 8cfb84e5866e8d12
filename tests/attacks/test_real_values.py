"""Shadow attacks on real-valued predictions: what they compute, what they find, and that they make nothing up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from telltale.attacks.membership.real_values import GaussianRMIA, ResidualLiRA
from telltale.attacks.membership.shadow_attack import ShadowAttack
from telltale.evaluation.influence import auc_influence
from telltale.game.answers import Answers, world_of

ATTACKS = {
    "lira": ResidualLiRA(),
    "lira_fixed": ResidualLiRA(variance="pooled"),
    "rmia": GaussianRMIA(),
    "rmia_offline": GaussianRMIA(online=False),
}


def world(memory: float, seed: int, models: int = 17, points: int = 800, held: int = 300) -> Answers:
    """Return models whose residual is that of the point times 1 - memory on members, and noise of their own."""
    rng = np.random.default_rng(seed)
    hard, hard_held = rng.normal(size=points), rng.normal(size=held)
    labels, labels_held = rng.normal(size=points), rng.normal(size=held)
    halves = np.array([rng.permutation(points) < points // 2 for _ in range(models // 2)])
    membership = np.concatenate([rng.random((1, points)) < 0.5, *np.stack([halves, ~halves], 1)])
    noise = 0.3 * rng.normal(size=(models, points))
    answers = labels + hard * (1 - memory * membership) + noise
    population = labels_held + hard_held + 0.3 * rng.normal(size=(models, held))
    return Answers(
        "values", answers, membership, labels=labels, population=population, population_labels=labels_held, victims=1
    )


def area(attack: ShadowAttack, answers: Answers) -> float:
    scores = attack.run(world_of(answers, attack.access, 0)).scores
    return auc_influence(scores[0], answers.membership[0])[0]


@pytest.mark.parametrize("name", ATTACKS)
def test_a_planted_leak_is_found_and_none_is_made_up(name: str) -> None:
    """Catches a sign, or a side of the shadows, that is the wrong one."""
    attack = ATTACKS[name]
    absolute = np.mean([_plain(world(0.3, seed)) for seed in range(3)])
    assert np.mean([area(attack, world(0.3, seed)) for seed in range(3)]) > absolute + 0.05
    assert abs(np.mean([area(attack, world(0.0, seed)) for seed in range(3)]) - 0.5) < 0.04


def _plain(answers: Answers) -> float:
    assert answers.labels is not None
    return auc_influence(-np.abs(answers.answers[0] - answers.labels), answers.membership[0])[0]


def test_the_likelihood_ratio_is_that_of_the_signed_residual() -> None:
    """Catches an absolute error, and a standard deviation of the wrong side."""
    answers = world(0.5, 0)
    attack, at = ATTACKS["lira"], 5
    residual, inside = answers.answers[:, at] - answers.labels[at], answers.membership[1:, at]  # type: ignore[index]
    within, without = residual[1:][inside], residual[1:][~inside]
    expected = stats.norm.logpdf(residual[0], within.mean(), within.std())
    expected -= stats.norm.logpdf(residual[0], without.mean(), without.std())
    assert attack.run(world_of(answers, attack.access, 0)).scores[0, at] == pytest.approx(expected)


def test_the_density_is_normal_with_the_error_of_the_population() -> None:
    """Catches a density whose width is not the model's own error."""
    answers = world(0.0, 1)
    attack, seen = ATTACKS["rmia"], world_of(answers, frozenset({"values"}), 0)
    signal = attack.signal(seen.releases[0], seen.knowledge)
    errors = answers.population[0] - answers.population_labels  # type: ignore[index]
    wide = np.sqrt(np.mean(errors**2))
    assert signal[800:] * stats.norm.pdf(0) == pytest.approx(stats.norm.pdf(errors / wide))
