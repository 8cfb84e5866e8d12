"""LiRA and RMIA for all points at once, against reference loops over records."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from telltale.attacks.membership.gaussians import likelihood_ratio
from telltale.attacks.membership.rmia import RMIA, ReferenceMeans

SHADOWS, POINTS, QUERIES = 10, 6, 3


def world(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.permuted(np.arange(SHADOWS)[:, None] % 2 == np.zeros((1, POINTS)), axis=0)
    shadows = rng.normal(size=(SHADOWS, POINTS, QUERIES)) + 2 * rows[..., None]
    return rng.normal(size=(POINTS, QUERIES)), shadows, rows


def one_record(
    target: np.ndarray,
    shadows: np.ndarray,
    row: np.ndarray,
    online: bool,
    centre: str,
    spread: tuple[float, float] | None,
) -> float:
    """Score one record as a reference implementation would: query by query, model by model."""
    total = 0.0
    for query in range(QUERIES):
        sides = [
            [float(s) for s, inside in zip(shadows[:, query], row, strict=True) if inside == side]
            for side in (True, False)
        ]
        middle = [(statistics.median if centre == "median" else statistics.fmean)(side) for side in sides]
        spreads = spread or [
            math.sqrt(sum((v - m) ** 2 for v in side) / len(side)) for side, m in zip(sides, middle, strict=True)
        ]
        value = float(target[query])
        if online:
            total += norm.logpdf(value, middle[0], spreads[0]) - norm.logpdf(value, middle[1], spreads[1])
        else:
            total += -norm.logsf(value, middle[1], spreads[1])
    return total / QUERIES


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("centre", ["mean", "median"])
def test_all_points_at_once_equal_a_loop_over_records(online: bool, centre: str) -> None:
    """Catches sides swapped, a variance over the wrong axis, a tail or a query average of another kind."""
    target, shadows, rows = world()
    expected = [one_record(target[i], shadows[:, i], rows[:, i], online, centre, None) for i in range(POINTS)]
    found = likelihood_ratio(target, shadows, rows, online, "per_point", centre)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("variance", ["fixed", "global"])
def test_shared_variances_pool_the_residuals_of_all_points(variance: str) -> None:
    """Catches the reference code's slip, which takes the spread of one side for both."""
    target, shadows, rows = world()
    expected = np.zeros(POINTS)
    for query in range(QUERIES):
        inside, outside = [], []
        for point in range(POINTS):
            for side, kept in ((True, inside), (False, outside)):
                values = shadows[rows[:, point] == side, point, query]
                kept.extend(values - values.mean())
        parts = [inside, outside] if variance == "fixed" else [inside + outside] * 2
        spreads = tuple(math.sqrt(sum(r**2 for r in part) / len(part)) for part in parts)
        for point in range(POINTS):
            ends = [shadows[rows[:, point] == side, point, query].mean() for side in (True, False)]
            value = target[point, query]
            expected[point] += norm.logpdf(value, ends[0], spreads[0]) - norm.logpdf(value, ends[1], spreads[1])
    np.testing.assert_allclose(likelihood_ratio(target, shadows, rows, True, variance), expected / QUERIES, atol=1e-9)


def test_the_offline_score_rises_with_the_target_and_never_saturates() -> None:
    """Catches the tail the wrong way round, a two-sided density, and ties far out."""
    _, shadows, rows = world()
    steps = [
        likelihood_ratio(np.full((POINTS, QUERIES), v), shadows, rows, online=False) for v in (-5.0, 0.0, 50.0, 60.0)
    ]
    assert all((later > earlier).all() for earlier, later in pairwise(steps))


def test_a_side_of_one_model_takes_the_common_deviation() -> None:
    """Catches a deviation of nothing, which makes a score of 1e60 that outranks every other."""
    target, shadows, rows = world()
    rows[:, 0] = np.arange(SHADOWS) == 3
    assert np.abs(likelihood_ratio(target, shadows, rows)).max() < 1e3


def test_a_point_without_a_needed_side_has_no_score() -> None:
    """Catches an invented mean of no models."""
    target, shadows, rows = world()
    rows[:, 0] = True
    assert np.isnan(likelihood_ratio(target, shadows, rows, online=False)[0])
    assert np.isnan(likelihood_ratio(target, shadows, rows)[0])


@pytest.mark.parametrize("online", [True, False])
def test_rmia_counts_the_population_points_that_are_beaten(online: bool) -> None:
    """Catches the ratio upside down, γ on the wrong side, population points taken for challenge points."""
    rng = np.random.default_rng(0)
    rows, gamma, offset = world()[2], 1.2, 0.3
    shadows, target = rng.random((SHADOWS, POINTS + 9)), rng.random(POINTS + 9)

    def marginal(i: int) -> float:
        within = [shadows[k, i] for k in range(SHADOWS) if i < POINTS and rows[k, i]]
        outside = [shadows[k, i] for k in range(SHADOWS) if i >= POINTS or not rows[k, i]]
        if not online:
            return ((1 + offset) * statistics.fmean(outside) + (1 - offset)) / 2
        return (statistics.fmean(within) + statistics.fmean(outside)) / 2 if within else statistics.fmean(outside)

    ratio = [target[i] / marginal(i) for i in range(POINTS + 9)]
    expected = [statistics.fmean(ratio[x] / ratio[z] > gamma for z in range(POINTS, POINTS + 9)) for x in range(POINTS)]
    attack = RMIA(online=online, gamma=gamma)
    np.testing.assert_allclose(attack._beaten(target, ReferenceMeans.of(shadows, rows), offset), expected)
