"""BASE against its definition, shadow by shadow, and against RMIA, which it equals at temperature 1."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from telltale.attacks.membership.bayes_optimal import BASE, softened
from telltale.attacks.membership.rmia import ReferenceMeans
from telltale.errors import InputError

SHADOWS, POINTS = 8, 20


def world() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probabilities of a target and its shadows, and who was trained on which point: half of them on each."""
    rng = np.random.default_rng(0)
    rows = rng.permuted(np.arange(SHADOWS)[:, None] % 2 == np.zeros((1, POINTS)), axis=0)
    return np.log(rng.random(POINTS)), np.log(rng.random((SHADOWS, POINTS))), rows


@pytest.mark.parametrize("online", [True, False])
def test_a_score_is_the_log_probability_over_that_of_the_shadows_mean(online: bool) -> None:
    """Catches a mean of logarithms, shadows with the point offline, a scale on the target's part."""
    target, shadows, rows = world()
    expected = []
    for point in range(POINTS):
        asked = [math.exp(shadows[k, point]) for k in range(SHADOWS) if online or not rows[k, point]]
        expected.append(target[point] - (1 if online else 0.4) * math.log(statistics.fmean(asked)))
    np.testing.assert_allclose(BASE(online, offline_scale=0.4).score(target, shadows, rows), expected)


def test_online_it_is_the_log_of_rmias_ratio() -> None:
    """Catches a marginal that is not RMIA's, to which the paper has it equivalent."""
    target, shadows, rows = world()
    marginal = ReferenceMeans.of(np.exp(shadows), rows).online()
    np.testing.assert_allclose(np.exp(BASE().score(target, shadows, rows)), np.exp(target) / marginal)


def test_a_temperature_softens_the_whole_answer() -> None:
    """Catches p to a power that no longer adds up to 1, and another class than the record's."""
    answers = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    for temperature in (0.5, 1.0, 2.0):
        powers = answers ** (1 / temperature)
        for label in range(3):
            found = np.exp(softened(answers, np.full(2, label), temperature))
            np.testing.assert_allclose(found, (powers / powers.sum(1, keepdims=True))[:, label], atol=1e-12)


def test_a_point_that_every_shadow_has_gets_no_offline_score() -> None:
    """Catches an invented mean of no shadows."""
    target, shadows, rows = world()
    rows[:, 3] = True
    assert np.flatnonzero(np.isnan(BASE(False).score(target, shadows, rows))).tolist() == [3]


@pytest.mark.parametrize(
    ("options", "field"), [({"temperature": 0}, "temperature"), ({"offline_scale": 2}, "offline_scale")]
)
def test_bad_options_are_told_by_name(options: dict[str, float], field: str) -> None:
    """Catches a traceback after all models were trained."""
    with pytest.raises(InputError, match=rf"attack\.{field}"):
        BASE(**options)  # type: ignore[arg-type]
