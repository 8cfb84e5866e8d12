"""Victims that share their shadows are judged together: as each alone, and what is theirs in common is made once."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from telltale.attacks.membership.kept import Signals
from telltale.attacks.membership.log_normal import log_normal
from telltale.attacks.membership.queries import changed_pictures, drawn_answers, randomly_changed
from telltale.attacks.tmi import attack as tmi
from telltale.attacks.tmi.adapted_lira import AdaptedLiRA
from telltale.data.records import input_digests
from telltale.owner.owner import Owner
from telltale.store.store import Store
from tests.attacks.transfer_worlds import FineTuned, made_up, pictures

NOBODY: Any = SimpleNamespace()


def paired(models: int = 12, points: int = 30, queries: int = 3) -> Signals:
    """Pairs of complements: all other models are the shadows of both."""
    rng = np.random.default_rng(0)
    rows = rng.random((models // 2, points)) < 0.5
    rows = np.stack([rows, ~rows], 1).reshape(models, points)
    signals = rng.normal(size=(models, points, queries, 4)) + rows[:, :, None, None]
    others = [[model for model in range(models) if model // 2 != victim // 2] for victim in range(models)]
    shadows = [(tuple(map(str, those)), rows[those]) for those in others]
    return Signals([*signals], {str(model): signals[model] for model in range(models)}, shadows)


@pytest.mark.parametrize("covariance", ["full", "diagonal", "pooled_per_side"])
def test_complements_are_judged_together_as_each_alone(covariance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches scores that go to another victim, a threshold of other shadows, and shadows judged once a victim."""
    attack, signals, scored = AdaptedLiRA(covariance), paired(), []
    score = attack.score
    monkeypatch.setattr(attack, "score", lambda *given: scored.append(1) or score(*given))
    scores, thresholds = attack.judge_all(signals, NOBODY)
    assert len(scored) == 12 + 6 * 8  # not 12 · 9
    for victim, (keys, members) in enumerate(signals.shadows):
        shadows = np.stack([signals.of_shadows[key] for key in keys])
        alone, threshold = attack.judge([signals.victims[victim]], shadows, members, NOBODY)
        np.testing.assert_array_equal(scores[victim], alone[0])
        assert thresholds[victim] == threshold


def test_victims_told_otherwise_of_the_same_shadows_are_judged_apart() -> None:
    """Catches members of one victim's shadows that serve for another's."""
    signals = paired()
    keys, members = signals.shadows[1]
    signals.shadows[1] = keys, ~members
    assert signals.alike()[:3] == [[0], [1], [2, 3]]


def test_cholesky_and_axes_find_the_density_that_scipy_finds() -> None:
    """Catches a determinant of the factor, a residual that is not solved for, a singular point by the wrong way."""
    rng = np.random.default_rng(1)
    drawn = rng.normal(size=(40, 9, 4)) * np.array([1, 1e3, 1e-2, 1])
    drawn[:5, :, 3] = drawn[:5, :, 0]  # singular
    drawn[5] = 0
    mean = drawn.mean(1)
    covariance = np.stack([np.cov(one, rowvar=False) for one in drawn])
    values = mean + drawn[:, 0] * 0.7
    mean[6] = np.nan
    found = log_normal(values, mean, covariance)
    for point in [*range(5), *range(7, 40)]:
        law = multivariate_normal(mean[point], covariance[point], allow_singular=True)
        np.testing.assert_allclose(found[point], law.logpdf(values[point]), rtol=1e-8)
    assert found[5] == 0 and np.isnan(found[6])


def test_one_shadow_and_one_query_make_no_warning() -> None:
    """Catches infinities that are added up where no variance is known, and not used."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert log_normal(np.ones((1, 1)), np.zeros((1, 1)), np.zeros((1, 1, 1))).tolist() == [0]


def test_changed_pictures_are_made_when_they_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches digests of other pictures, and pictures that are made again for answers that are known."""
    records = pictures(20)
    lazy, made = changed_pictures(records, 3, 7, False), randomly_changed(records, 3, 7)
    assert len(lazy) == len(made) == 60 and lazy.shape == made.shape and lazy.classes == made.classes
    np.testing.assert_array_equal(lazy.fingerprints(), made.fingerprints())
    np.testing.assert_array_equal(input_digests(lazy), input_digests(made))
    np.testing.assert_array_equal(lazy.pixels, made.pixels)
    np.testing.assert_array_equal(lazy.labels, made.labels)
    np.testing.assert_array_equal(lazy.take(np.array([41, 2])).pixels, made.pixels[[41, 2]])
    monkeypatch.setattr("telltale.attacks.membership.queries.randomly_changed", None)
    assert changed_pictures(records, 3, 7, False).fingerprints() is lazy.fingerprints()
    played = made_up(points=50)
    release: Any = FineTuned("a", np.zeros((50, 10)))
    assert drawn_answers(release, played.world.knowledge, 3, "per_model").shape == (50, 3, 10)


def test_both_normalisations_are_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a rival that judges again what the store has, and one that is served the other's scores."""
    world = made_up(victims=4).world.with_owner(Owner(Store(tmp_path)))
    one = tmi.TMI(epochs=2)
    first = one.run(world)
    monkeypatch.setattr(tmi.TMI, "judge", None)
    (rival,) = one.rivals().values()
    found: Any = rival.run(world)
    np.testing.assert_array_equal(found.scores, tmi.normalised(first, "per_victim").scores)
