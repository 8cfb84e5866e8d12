"""What a score adds to chemistry: memory is found where it was planted, and nothing where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from telltale.evaluation.memory_gain import Scores, coefficients, cross_fitted, memory_gain
from telltale.evaluation.statistics import Estimate, Resampling

World = tuple[Scores, np.ndarray, np.ndarray, np.ndarray]


def world(seed: int, memory: float = 0.0, chemists: tuple[float, float] = (0.5, 0.5), rings: int = 8) -> World:
    """Hits by chemistry and by ring; two models that know some chemistry, and `memory` of their own training set."""
    rng = np.random.default_rng(seed)
    ring = np.repeat(np.arange(rings), 60)
    by_ring = rng.normal(size=rings)[ring]
    chemistry = rng.normal(size=len(ring))
    in_g, in_g_prime = rng.random((2, len(ring))) < 1 / (1 + np.exp(2 - chemistry - by_ring))
    models = [
        knows * (chemistry + by_ring / 2) + rng.normal(size=len(ring)) + rng.normal(size=rings)[ring] / 2 + memory * own
        for knows, own in zip(chemists, (in_g, in_g_prime), strict=True)
    ]
    blind = chemistry + rng.normal(size=len(ring)) + 0.7 * by_ring
    return Scores(models[0][None], models[1][None], blind[None]), in_g[None], in_g_prime[None], ring


def gains(made: World, replicates: int = 200, seed: int = 0) -> tuple[Estimate, Estimate]:
    scores, in_g, in_g_prime, ring = made
    plan = Resampling.over(len(np.unique(ring)), replicates, seed=seed)
    found = memory_gain(scores, in_g, in_g_prime, ring, plan, np.ones(len(ring), dtype=bool))
    return found["memory_gain_auc"], found["mirrored_memory_gain_auc"]


def covered(estimate: Estimate, truth: float, rings: int) -> bool:
    """Student's interval over so many rings, as over any few clusters."""
    reach = t.ppf(0.975, rings - 1) * estimate.standard_error * np.sqrt(rings / (rings - 1))
    return bool(abs(estimate.value - truth) <= reach)


@pytest.mark.parametrize(("number", "least"), [(150, 0.9), pytest.param(2000, 0.92, marks=pytest.mark.slow)])
def test_without_memory_the_gain_is_nothing_and_its_interval_says_so(number: int, least: float) -> None:
    """Catches coefficients fitted on what they judge, and replicates that are too narrow for being fitted once."""
    games = [gains(world(seed), 100, seed) for seed in range(number)]
    for kind in zip(*games, strict=True):
        values = np.array([estimate.value for estimate in kind])
        assert abs(values.mean()) < 4 * values.std() / len(values) ** 0.5
        assert least <= np.mean([covered(estimate, 0, 8) for estimate in kind]) <= 0.995


def test_planted_memory_is_found() -> None:
    """Catches a gain of the wrong sign, of the blind guess alone, or of the same score twice."""
    games = [gains(world(seed, memory=1.0), 100, seed) for seed in range(20)]
    assert all(estimate.value > 0 for game in games for estimate in game)
    assert np.mean([mirrored.low > 0 for _, mirrored in games]) > 0.9


def test_the_better_chemist_of_two_models_is_no_memory_in_the_mirror() -> None:
    """Catches chemistry taken for memory: the plain gain cannot tell them apart, the mirrored one can."""
    games = [gains(world(seed, chemists=(1.0, 0.2)), 50, seed) for seed in range(30)]
    plain, mirrored = (np.array([estimate.value for estimate in kind]) for kind in zip(*games, strict=True))
    assert plain.mean() > 4 * plain.std() / 30**0.5 and abs(mirrored.mean()) < 4 * mirrored.std() / 30**0.5


def test_swapping_the_models_and_their_training_sets_changes_nothing_in_the_mirror() -> None:
    """Catches a favourite side."""
    scores, in_g, in_g_prime, ring = world(0, memory=0.5)
    swapped = Scores(scores.disjoint, scores.target, scores.blind), in_g_prime, in_g, ring
    assert gains(swapped)[1].value == pytest.approx(gains((scores, in_g, in_g_prime, ring))[1].value)
    assert gains((swapped[0], in_g, in_g_prime, ring))[0].value == pytest.approx(-gains(world(0, memory=0.5))[0].value)


def test_the_regression_is_scikit_learns() -> None:
    """Catches a wrong gradient, and a ridge on the intercept."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    features, truth = rng.normal(size=(200, 2)), rng.random(200) < 0.3
    weights = rng.integers(0, 3, size=(2, 200)).astype(float)
    for row, fitted in zip(weights, coefficients(features, truth, weights), strict=True):
        theirs = linear_model.LogisticRegression(C=1.0, tol=1e-10).fit(features, truth, sample_weight=row)
        assert fitted == pytest.approx([theirs.intercept_[0], *theirs.coef_[0]], abs=1e-4)


def test_a_ring_is_judged_by_the_other_rings_alone() -> None:
    """Catches leakage between folds: a ring's own truth must not move its scores."""
    scores, in_g, _, ring = world(0)
    features, changed = np.stack([scores.blind[0], scores.target[0]], 1), in_g[0] ^ (ring == 3)
    before, after = (cross_fitted(features, truth, ring) for truth in (in_g[0], changed))
    assert np.array_equal(before[ring == 3], after[ring == 3]) and not np.allclose(before[ring == 2], after[ring == 2])


def test_one_ring_alone_has_no_gain_to_speak_of() -> None:
    """Catches a zero with an interval of no width where nothing can be fitted."""
    assert all(np.isnan(estimate.value) for estimate in gains(world(0, rings=1)))
