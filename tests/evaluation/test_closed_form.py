"""The formulas that attacks are held to, held themselves to enumeration, simulation and textbook curves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from telltale.evaluation.closed_form import (
    ScoreLaw,
    against_midpoint,
    canary_separation,
    gaussian_mean_population,
    gaussian_mean_separation,
    gaussian_mean_signal,
    likelihood_ratio,
    one_sided,
    pool_separation,
    with_finite_shadows,
)

DRAWS = 200_000
MIXED = np.array([0.5, 1.0, 2.5])


def area(members: np.ndarray, others: np.ndarray) -> float:
    ranks = rankdata(np.concatenate([members, others]))[: len(members)]
    return (ranks.sum() - len(members) * (len(members) + 1) / 2) / (len(members) * len(others))


def drawn(law: ScoreLaw, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores of members and of others."""
    one, other = rng.choice(len(law.weights), (2, DRAWS), p=law.weights)
    return rng.normal(law.mean_in[one], law.sd_in[one]), rng.normal(law.mean_out[other], law.sd_out[other])


def directions(members: int, dimensions: int, seed: int = 0) -> np.ndarray:
    """Draw a pool of u = s (x, 1)."""
    rng = np.random.default_rng(seed)
    points = np.concatenate([rng.normal(size=(2 * members, dimensions)), np.ones((2 * members, 1))], 1)
    return points * rng.choice([-1, 1], (2 * members, 1))


def test_one_separation_gives_the_curve_of_two_normals() -> None:
    """Catches δ where δ/√2 belongs, and the reverse."""
    law = likelihood_ratio(np.array([1.3]))
    assert law.auc() == pytest.approx(norm.cdf(1.3 / np.sqrt(2)))
    for fpr in (0.001, 0.1, 0.9):
        assert law.tpr(fpr) == pytest.approx(norm.cdf(norm.ppf(fpr) + 1.3))


def test_several_separations_give_the_area_of_their_pairs() -> None:
    """Catches AUCs that are averaged point by point instead of over pairs of points."""
    pairs = norm.cdf(np.sqrt(MIXED[:, None] ** 2 + MIXED**2) / 2).mean()
    assert likelihood_ratio(MIXED).auc() == pytest.approx(pairs)


@pytest.mark.parametrize(
    "law",
    [likelihood_ratio(MIXED), with_finite_shadows(MIXED, 20), one_sided(MIXED, 20), against_midpoint(MIXED, 20)],
    ids=["ratio", "finite", "one_sided", "midpoint"],
)
def test_areas_and_rates_are_those_of_drawn_scores(law: ScoreLaw) -> None:
    """Catches a wrong sign or deviation in any of the three areas, and a threshold on the wrong side."""
    members, others = drawn(law, np.random.default_rng(0))
    assert law.auc() == pytest.approx(area(members, others), abs=0.004)
    assert law.sign_auc() == pytest.approx((1 + (members > 0).mean() - (others > 0).mean()) / 2, abs=0.004)
    for fpr in (0.01, 0.1):
        assert law.tpr(fpr) == pytest.approx((members > np.quantile(others, 1 - fpr)).mean(), abs=0.01)


def test_the_area_of_magnitudes_is_that_of_drawn_scores() -> None:
    """Catches independence of A − B and A + B used where deviations differ in and out."""
    law = one_sided(MIXED, 20)
    members, others = drawn(law, np.random.default_rng(0))
    assert law.magnitude_auc() == pytest.approx(area(np.abs(members), np.abs(others)), abs=0.004)


def test_the_separation_of_a_pool_is_that_of_all_its_halves() -> None:
    """Catches a finite-population factor that is missing, or off by one: enumerates every possible membership."""
    members, pool = 4, directions(4, 3)
    halves = [list(half) for half in combinations(range(8), members)]
    scores = np.array([pool @ pool[half].mean(0) for half in halves])  # φ/η: (halves, points)
    inside = np.array([np.isin(range(8), half) for half in halves])
    for point, expected in enumerate(pool_separation(pool, members)):
        within, without = scores[inside[:, point], point], scores[~inside[:, point], point]
        assert within.std() == pytest.approx(without.std())
        assert (within.mean() - without.mean()) / without.std() == pytest.approx(expected)


@pytest.mark.parametrize(("members", "dimensions"), [(100, 100), (200, 50), (50, 200)])
def test_the_average_over_pools_is_that_of_drawn_pools(members: int, dimensions: int) -> None:
    """Catches a quadrature over the wrong χ², and neglected terms that are not small."""
    pools = [pool_separation(directions(members, dimensions, seed), members) for seed in range(5)]
    drawn_area = likelihood_ratio(np.concatenate(pools)).auc()
    assert likelihood_ratio(*gaussian_mean_separation(members, dimensions)).auc() == pytest.approx(
        drawn_area, abs=0.004
    )


def test_knowing_the_pool_doubles_the_squared_separation() -> None:
    """Catches the factor 1/2 of a finite population on the wrong side, and a population attacker without |u|."""
    known, weights = gaussian_mean_separation(1000, 1000)
    raw, best = gaussian_mean_signal(1000, 1000), gaussian_mean_population(1000, 1000)
    assert weights @ known**2 / (weights @ (raw.mean_in / raw.sd_out) ** 2) == pytest.approx(2, abs=0.01)
    assert raw.auc() == pytest.approx(norm.cdf(np.sqrt(0.5)), abs=0.002)
    assert raw.auc() < best.auc() < likelihood_ratio(known, weights).auc()


def test_many_shadows_reach_the_optimum_and_few_fall_short() -> None:
    """Catches a loss that does not vanish, and one of the wrong size: LiRA with a known σ, played by hand."""
    separation, shadows = np.array([1.5]), 8
    best = likelihood_ratio(separation)
    for law in (with_finite_shadows, one_sided, against_midpoint):
        assert law(separation, 10**7).auc() == pytest.approx(best.auc(), abs=1e-5)
        assert law(separation, shadows).auc() < best.auc() - 0.01
    rng = np.random.default_rng(0)
    within = rng.normal(1.5, size=(2, DRAWS, shadows // 2)).mean(-1)
    without = rng.normal(0.0, size=(2, DRAWS, shadows // 2)).mean(-1)
    targets = rng.normal(size=(2, DRAWS)) + np.array([[1.5], [0.0]])
    ratios = np.square(targets - without) - np.square(targets - within)
    assert with_finite_shadows(separation, shadows).auc() == pytest.approx(area(*ratios), abs=0.004)


def test_canaries_keep_their_separation_where_scale_follows_the_members() -> None:
    """Catches a comment in conf/dataset/canaries.yaml that no longer holds."""
    for members, scale in ((100, 20.0), (500, 100.0), (5000, 1000.0)):
        assert canary_separation(members, scale, 0.001, 0.0001) == pytest.approx(np.sqrt(2))
