"""LiRA and RMIA for all points at once, against reference loops over records."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from telltale.attacks.membership.gaussians import likelihood_ratio
from telltale.attacks.membership.rmia import RMIA, ReferenceMeans, shares
from telltale.attacks.membership.thresholds import areas
from telltale.evaluation.ranking import tpr_at_fpr
from telltale.owner.release import softmax

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


@pytest.mark.parametrize("variance", ["pooled_per_side", "pooled"])
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
        parts = [inside, outside] if variance == "pooled_per_side" else [inside + outside] * 2
        spreads = tuple(math.sqrt(sum(r**2 for r in part) / len(part)) for part in parts)
        for point in range(POINTS):
            ends = [shadows[rows[:, point] == side, point, query].mean() for side in (True, False)]
            value = target[point, query]
            expected[point] += norm.logpdf(value, ends[0], spreads[0]) - norm.logpdf(value, ends[1], spreads[1])
    np.testing.assert_allclose(likelihood_ratio(target, shadows, rows, True, variance), expected / QUERIES, atol=1e-9)


@pytest.mark.parametrize("variance", ["per_point", "released_fixed"])
def test_the_released_code_is_to_be_had_with_its_median_and_its_deviations(variance: str) -> None:
    """Catches deviations around the median, a spread without what lies between points, or one of its own a side."""
    target, shadows, rows = world()
    everything = [float(v) for k in range(SHADOWS) for i in range(POINTS) if rows[k, i] for v in shadows[k, i]]
    expected = np.zeros(POINTS)
    for point, query in np.ndindex(POINTS, QUERIES):
        sides = [[float(v) for v in shadows[rows[:, point] == side, point, query]] for side in (True, False)]
        densities = [
            norm.logpdf(
                target[point, query],
                statistics.median(side),
                statistics.pstdev(side if variance == "per_point" else everything),
            )
            for side in sides
        ]
        expected[point] += (densities[0] - densities[1]) / QUERIES
    found = likelihood_ratio(target, shadows, rows, True, variance, "released_median")
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_versions_of_centre_and_variance_differ_by_hand() -> None:
    """Catches two names for one formula: shadows with the point say 0, 0 and 3, those without it -1 and 1."""
    shadows = np.array([0.0, 0, 3, -1, 1]).reshape(5, 1, 1)
    rows, target = np.array([[True], [True], [True], [False], [False]]), np.array([[1.0]])

    def density(centre: float, variance: float) -> float:
        return -((1 - centre) ** 2) / variance / 2 - math.log(variance) / 2

    spreads = {("mean", "per_point"): (1, 2), ("median", "per_point"): (0, 3), ("released_median", "per_point"): (0, 2)}
    spreads |= {(centre, "pooled_per_side"): spreads[centre, "per_point"] for centre in ("mean", "median")}
    for (centre, variance), (middle, of_members) in spreads.items():
        found = likelihood_ratio(target, shadows, rows, True, variance, centre)
        assert found.item() == pytest.approx(density(middle, of_members) - density(0, 1)), (centre, variance)
    pooled = likelihood_ratio(target, shadows, rows, True, "pooled").item()
    assert pooled == pytest.approx(density(1, 8 / 5) - density(0, 8 / 5))
    released = likelihood_ratio(target, shadows, rows, True, "released_fixed", "released_median").item()
    assert released == pytest.approx(0)  # both medians 0, both variances 2
    offline = likelihood_ratio(target, shadows, rows, False, "released_fixed").item()
    assert offline == pytest.approx(-norm.logsf(1))  # the side without: variance 1


def test_the_released_fixed_variance_ranks_as_the_pooled_one() -> None:
    """Catches a constant that is not one for both sides: one query, so that no other can weigh more."""
    target, shadows, rows = world()
    scores = [likelihood_ratio(target[:, :1], shadows[..., :1], rows, True, v) for v in ("pooled", "released_fixed")]
    assert np.array_equal(*map(np.argsort, scores)) and not np.allclose(*scores)


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
    found = attack._beaten(target, ReferenceMeans.of(shadows, rows), offset)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 / 9)  # to a thousandth of one z
    assert found.min() >= 0 and found.max() <= 1


def test_points_that_beat_equally_many_z_stand_in_the_order_of_their_ratio() -> None:
    """Catches scores that saturate, so that no low false-positive rate can be had, and a larger share undone."""
    rng = np.random.default_rng(0)
    points, population = np.exp(rng.normal(0, 3, 1000)), np.exp(rng.normal(size=20))
    found = shares(points, population)
    published = (points[:, None] > population).mean(1)
    assert len(np.unique(published)) <= 21 and len(np.unique(found)) == 1000
    assert np.array_equal(np.argsort(found), np.argsort(points))
    assert np.array_equal((found * 20).round().astype(int), (published * 20).round().astype(int))
    extreme = shares(np.array([0.0, 1e-300, 1e-299, 1e299, 1e300]), np.ones(10**6))
    assert (np.diff(extreme) > 0).all() and extreme[0] == 0 and extreme[-1] <= 1


@pytest.mark.parametrize("online", [True, False])
def test_rmia_finds_members_at_a_rate_of_false_alarms_at_which_the_published_score_ties(online: bool) -> None:
    """Catches TPR 0 at 1 % FPR where more than 1 % of non-members beat every z."""
    rng = np.random.default_rng(1)
    rows = rng.permuted(np.arange(32)[:, None] % 2 == np.zeros((1, 2000)), axis=0)
    level = np.where(rng.random(2000) < 0.3, -8.0, -0.1)  # the first are hard: ratios of many to one
    answers = np.exp(np.minimum(level + rng.normal(size=(33, 2000)), 0))
    mine = rng.random(2000) < 0.5
    answers[np.concatenate([mine[None], rows]) & (level == -8)] *= 50
    population = np.exp(-0.1 * np.abs(rng.normal(size=(33, 50))))
    asked = np.concatenate([answers, population], 1)
    scores = RMIA(online).score(asked[0], asked[1:], rows)
    found, published = (
        tpr_at_fpr(one, mine, 0.01, np.ones((1, 2000))).item() for one in (scores, np.round(scores * 50) / 50)
    )
    assert published == 0 and found > 0.03


def at_most_probable_class(answers: np.ndarray, online: bool) -> np.ndarray:
    """Score by RMIA at the argmax class; answers: (models, records, classes) with the target first, 400 points."""
    attack = RMIA(online=False, label="argmax")
    attack.online = online  # which no user can ask for
    rows = (np.arange(16)[:, None] + np.arange(400)) % 2 == 0
    return attack.score(answers[0], answers[1:], rows)


def test_rmia_at_the_argmax_class_finds_members_offline_and_would_be_upside_down_online() -> None:
    """Catches p(x) of references that know the record's class, where the target's class is another."""
    rng = np.random.default_rng(0)
    inside = np.concatenate(
        [rng.permutation(np.arange(400) % 2)[None], (np.arange(16)[:, None] + np.arange(400) + 1) % 2]
    )
    labels, wrong = rng.integers(10, size=600), rng.integers(1, 10, size=600)
    right = rng.random((17, 600)) < 0.6  # of those that were not trained on it
    right[:, :400] |= inside == 1
    said = np.where(right, labels, (labels + wrong) % 10)
    known = np.pad(inside, ((0, 0), (0, 200)))
    logits = np.where(known, 6, 3)[..., None] * np.eye(10)[said] + 0.5 * rng.normal(size=(17, 600, 10))
    answers = softmax(logits)
    offline, online = (
        areas(at_most_probable_class(answers, online)[None], inside[:1] == 1).item() for online in (False, True)
    )
    assert offline > 0.9 and online < 0.7
