"""Attacks that need no true label, where answers are of other classes than the records'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy.stats import multivariate_normal, norm

from telltale.attacks.base import Attack
from telltale.attacks.membership.gaussians import full_likelihood_ratio
from telltale.attacks.membership.rmia import RMIA
from telltale.attacks.membership.shadow_attack import ShadowAttack
from telltale.attacks.membership.signals import class_logits, on_targets_class, scaled_logit
from telltale.attacks.membership.vector_lira import VectorLiRA
from telltale.attacks.tmi.adapted_lira import AdaptedLiRA
from telltale.attacks.tmi.attack import TMI
from telltale.configuration.compatibility import require_answers
from telltale.data.images import fashion_mnist
from telltale.errors import InputError
from telltale.evidence import MembershipScores
from tests.attacks.transfer_worlds import CLASSES, MadeUp, made_up
from tests.experiment.commands import ROOT
from tests.training.texts import texts_of


def configured(group: str) -> Mapping[str, Attack]:
    """Build the rivals that a file of conf/rivals composes."""
    folder = ROOT / "conf" / "rivals"
    files = [folder / f"{name}.yaml" for name in OmegaConf.load(folder / f"{group}.yaml").defaults]
    return {name: instantiate(one) for file in files for name, one in OmegaConf.load(file).items()}  # type: ignore[union-attr]


MEMBERSHIP = configured("membership")
TRANSFER = {name: one for name, one in configured("transfer").items() if not one.before_transfer}


@cache
def world(shift: float = 1.0, confident: bool = False) -> MadeUp:
    return made_up(shift, models=64, points=120, confident=confident)


@pytest.mark.parametrize("name", TRANSFER)
def test_members_that_are_answered_with_more_confidence_are_found(name: str) -> None:
    """Catches a score upside down, and rows of other models."""
    played = world(2.0, confident=True)
    assert played.auc(TRANSFER[name].run(played.world)).low > 0.5


@pytest.mark.parametrize("name", ["tmi", "tmi_standardised", "vector_lira"])
def test_a_shift_in_each_points_own_direction_is_found_by_those_that_see_all_classes(name: str) -> None:
    """Catches whole vectors of which one class is read: LiRA on one reaches 0.8 here."""
    assert world().auc(TRANSFER[name].run(world().world)).low > 0.9


@pytest.mark.parametrize("name", TRANSFER)
def test_without_a_shift_the_interval_covers_chance(name: str) -> None:
    """Catches a score that knows membership otherwise."""
    found = world(0.0).auc(TRANSFER[name].run(world(0.0).world))
    assert found.low <= 0.5 <= found.high


@pytest.mark.parametrize("name", TRANSFER)
def test_labels_of_the_records_change_no_score(name: str) -> None:
    """Catches downstream probabilities that are looked up by a pre-training label."""
    played = world()
    other = replace(played.world.knowledge.challenge, labels=np.zeros(120, np.int64))
    knowledge = replace(played.world.knowledge, challenge=other)
    before, after = (TRANSFER[name].run(one) for one in (played.world, replace(played.world, knowledge=knowledge)))
    assert isinstance(before, MembershipScores) and isinstance(after, MembershipScores)
    assert np.array_equal(before.scores, after.scores)


@pytest.mark.parametrize(("name", "attack"), {**TRANSFER, **MEMBERSHIP}.items())
def test_only_attacks_that_use_true_labels_are_refused_on_a_fine_tuned_model(name: str, attack: Attack) -> None:
    """Catches an index that is out of range, or worse, in range."""

    class FineTuning:
        supervised, start, answers = True, "a recipe", frozenset({"probabilities", "labels"})

    if name in TRANSFER:
        require_answers("rivals", name, attack, FineTuning())  # type: ignore[arg-type]
    else:
        with pytest.raises(InputError, match=f"rivals={name}.*downstream classes"):
            require_answers("rivals", name, attack, FineTuning())  # type: ignore[arg-type]
    FineTuning.start = None  # type: ignore[assignment]
    require_answers("rivals", name, attack, FineTuning())  # type: ignore[arg-type]


def test_vector_lira_is_the_ratio_of_the_gaussians_that_are_there() -> None:
    """Catches classes that are averaged before the density, sides swapped, a deviation of the wrong side."""
    rng = np.random.default_rng(0)
    points, width = 7, 2 * CLASSES  # two queries
    centres, spreads = rng.normal(size=(2, points, width)), 0.5 + rng.random((2, points, width))
    steps = np.array([1.0, -1, 1, -1])[:, None, None]  # two shadows a side lie one deviation off each way
    shadows = np.concatenate([centres[0] + steps[:2] * spreads[0], centres[1] + steps[2:] * spreads[1]])
    rows = np.repeat(np.array([[True], [True], [False], [False]]), points, axis=1)
    target = rng.normal(size=(points, width))
    densities = [norm.logpdf(target, centre, spread) for centre, spread in zip(centres, spreads, strict=True)]
    found = VectorLiRA().score(target, shadows, rows)
    np.testing.assert_allclose(found, (densities[0] - densities[1]).mean(1), rtol=1e-9)


def test_the_logits_of_all_classes_hold_that_of_the_true_one() -> None:
    """Catches log(p / (1 − p)) computed from p, which is coarse or infinite near 1."""
    probabilities = np.array([[1 - 1e-20, 0.6e-20, 0.4e-20], [0.2, 0.3, 0.5]])
    every = class_logits(probabilities)
    for label in range(3):
        np.testing.assert_allclose(every[:, label], scaled_logit(probabilities, np.full(2, label)), rtol=1e-9)


def drawn(queries: int = 3, shadows: int = 40, points: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(points, queries, queries))
    values = np.einsum("spq,pqr->spr", rng.normal(size=(shadows, points, queries)), mixing)
    return rng.normal(size=(points, queries)), values, rng.random((shadows, points)) < 0.5


def test_full_covariances_are_those_of_scipy() -> None:
    """Catches a covariance over points, one side's moments for both, a missing determinant."""
    target, shadows, rows = drawn()
    expected = []
    for point in range(len(target)):
        sides = [shadows[side[:, point], point] for side in (rows, ~rows)]
        laws = [multivariate_normal(side.mean(0), np.cov(side.T)) for side in sides]
        expected.append(laws[0].logpdf(target[point]) - laws[1].logpdf(target[point]))
    np.testing.assert_allclose(full_likelihood_ratio(target, shadows, rows), expected, rtol=1e-8)


def test_a_singular_covariance_counts_the_directions_it_knows() -> None:
    """Catches a division by 0 where one query repeats another."""
    target, shadows, rows = drawn()
    doubled = np.concatenate([target, target], 1), np.concatenate([shadows, shadows], 2)
    once, twice = full_likelihood_ratio(target, shadows, rows), full_likelihood_ratio(*doubled, rows)
    np.testing.assert_allclose(twice, once, rtol=1e-6)


def test_classes_are_the_targets_most_probable_ones_query_by_query() -> None:
    """Catches each shadow read at its own argmax, and one class for all queries."""
    target = np.array([[[1.0, 5, 2], [7, 0, 1]]])
    shadows = np.arange(12.0).reshape(2, 1, 2, 3)
    own, others = on_targets_class(target, shadows)
    assert own.tolist() == [[5, 7]] and others.tolist() == [[[1, 3]], [[7, 9]]]


def test_one_query_and_two_classes_make_adapted_lira_the_scalar_one() -> None:
    """Catches a variance that is not the coordinate's own."""
    target, shadows, rows = drawn(queries=1)
    both, those = np.stack([target, -target], -1), np.stack([shadows, -shadows], -1)
    own, others = on_targets_class(both, those)
    for covariance, density in (("diagonal", {}), ("full", {"ddof": 1})):
        expected = []
        for point in range(len(target)):
            sides = [others[side[:, point], point, 0] for side in (rows, ~rows)]
            laws = [norm.logpdf(own[point, 0], side.mean(), side.std(**density)) for side in sides]
            expected.append(laws[0] - laws[1])
        attack = AdaptedLiRA(covariance)
        np.testing.assert_allclose(attack.score(*attack.facing(both, those), rows), expected, rtol=1e-9)


def test_rmia_reads_points_and_population_at_the_targets_class() -> None:
    """Catches population points compared at the class of their label."""
    rng = np.random.default_rng(0)
    target, shadows = rng.dirichlet(np.ones(4), 30), rng.dirichlet(np.ones(4), (12, 30))
    rows = np.arange(12)[:, None] % 2 == rng.integers(2, size=10)
    own, others = on_targets_class(target, shadows)
    one, plain = RMIA(False, label="argmax"), RMIA(False)
    offset = one._tuned(shadows, rows)
    np.testing.assert_array_equal(one.score(target, shadows, rows), plain._compared(own, others, rows, offset))


@pytest.mark.parametrize(
    ("attack", "options", "field"),
    [
        (AdaptedLiRA, {"covariance": "pooled"}, "covariance"),
        (AdaptedLiRA, {"queries": 0}, "queries"),
        (VectorLiRA, {"variance": "full"}, "variance"),
        (VectorLiRA, {"drawn": "never"}, "drawn"),
        (RMIA, {"label": "best"}, "label"),
        (RMIA, {"label": "argmax"}, "online"),
    ],
)
def test_bad_options_are_told_by_name(attack: type[ShadowAttack], options: dict, field: str) -> None:
    """Catches an option that is passed over in silence."""
    with pytest.raises(InputError, match=rf"attack\.{field}"):
        attack(**options)


@pytest.mark.parametrize("attack", [VectorLiRA, AdaptedLiRA, TMI])
def test_that_texts_are_asked_once_whatever_is_set_is_said(attack: type[Attack]) -> None:
    """Catches a figure of eight queries that were one."""
    texts: Any = SimpleNamespace(challenge=texts_of(3))
    pictures: Any = SimpleNamespace(challenge=fashion_mnist.load().records.take(np.arange(3)))
    assert "asked once" in "".join(attack(queries=8).notes(texts))
    assert not attack(queries=1).notes(texts) and not attack(queries=8).notes(pictures)
