"""The statistics are tested against slow, obvious versions of themselves and against known truths."""

from __future__ import annotations

import time
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from telltale.evaluation.cluster_ranking import quantile_by_cluster
from telltale.evaluation.ranking import (
    auc,
    balanced_accuracy,
    precision_at,
    roc_band,
    roc_curve,
    tpr_at_fpr,
    weighted_mean,
)
from telltale.evaluation.statistics import Estimate, Resampling, clopper_pearson, groups_of
from telltale.evaluation.totals import Rows
from telltale.evaluation.variance import two_way_variance


@st.composite
def ranked_items(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Few distinct scores, so that ties are the rule; both classes present with some weight."""
    n = draw(st.integers(2, 40))
    scores = draw(hnp.arrays(float, n, elements=st.sampled_from([-np.inf, -1.5, 0.0, 0.25, 3.0, np.inf])))
    positives = draw(hnp.arrays(bool, n))
    weights = draw(hnp.arrays(np.int64, (3, n), elements=st.integers(0, 4)))
    positives[0], positives[1] = True, False
    weights[:, :2] += 1
    return scores, positives, weights


@given(ranked_items())
@settings(max_examples=150, deadline=None)
def test_auc_equals_sklearn_with_weights_and_ties(
    items: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    scores, positives, weights = items
    finite = np.clip(scores, -99, 99)  # sklearn refuses infinities
    expected = [roc_auc_score(positives, finite, sample_weight=w) for w in weights]
    np.testing.assert_allclose(auc(scores, positives, weights), expected, atol=1e-12)


@given(ranked_items(), st.sampled_from([0.0, 0.01, 0.25, 0.5, 1.0]))
@settings(max_examples=150, deadline=None)
def test_tpr_at_fpr_equals_a_loop_over_all_thresholds(
    items: tuple[np.ndarray, np.ndarray, np.ndarray], fpr: float
) -> None:
    scores, positives, weights = items
    for row, found in zip(weights, tpr_at_fpr(scores, positives, fpr, weights), strict=True):
        best = 0.0
        for threshold in np.unique(scores):
            called = scores >= threshold
            if row[called & ~positives].sum() <= fpr * row[~positives].sum() + 1e-9:
                best = max(best, row[called & positives].sum() / row[positives].sum())
        assert found == pytest.approx(best)


@given(ranked_items(), st.integers(1, 30))
@settings(max_examples=150, deadline=None)
def test_precision_equals_the_mean_over_random_orders_of_the_ties(
    items: tuple[np.ndarray, np.ndarray, np.ndarray], k: int
) -> None:
    scores, positives, weights = items
    copies = np.repeat(np.arange(len(scores)), weights[0])
    k = min(k, len(copies))
    above, expected = 0, 0.0
    for score in np.unique(scores[copies])[::-1]:  # of a tied group, a share is taken
        group = positives[copies][scores[copies] == score]
        taken = min(len(group), k - above)
        expected += taken * group.mean()
        above += taken
    assert precision_at(scores, positives, k, weights)[0] == pytest.approx(expected / k)


@pytest.mark.parametrize("k", [1, 7, 50, 100])
def test_precision_of_constant_scores_is_the_base_rate(k: int) -> None:
    positives = np.arange(100) < 37
    weights = Resampling.over(100, 50, seed=0).cluster_draws
    precision = precision_at(np.zeros(100), positives, k, weights)
    np.testing.assert_allclose(precision, weighted_mean(positives, weights), atol=1e-12)


def test_precision_beyond_the_pool_divides_by_the_pool() -> None:
    assert precision_at(np.arange(4.0), np.array([1, 0, 0, 1], bool), 10, np.ones((1, 4)))[0] == 0.5


def test_an_empty_class_or_no_item_gives_nan_and_not_a_number() -> None:
    ones = np.ones((2, 3))
    assert np.isnan(auc(np.arange(3.0), np.ones(3, bool), ones)).all()
    assert np.isnan(tpr_at_fpr(np.arange(3.0), np.zeros(3, bool), 0.1, ones)).all()
    assert np.isnan(precision_at(np.empty(0), np.empty(0, bool), 5, np.ones((2, 0)))).all()


def test_nan_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 3 scores are NaN"):
        auc(np.array([0, np.nan, 1]), np.array([True, False, True]), np.ones((1, 3)))


def test_balanced_accuracy_by_hand() -> None:
    scores, positives = np.array([3.0, 1, 2, 0]), np.array([True, True, False, False])
    assert balanced_accuracy(scores, positives, 2, np.ones((1, 4)))[0] == 0.5  # TPR 1/2, TNR 1/2
    assert balanced_accuracy(scores, positives, 1, np.ones((1, 4)))[0] == 0.75  # TPR 1, TNR 1/2


def test_a_quantile_under_weights_equals_that_of_the_copies() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=30), rng.integers(0, 4, (5, 30))
    for q in (0.25, 0.5, 0.75):
        copies = [np.quantile(np.repeat(values, w), q, method="inverted_cdf") for w in weights]
        np.testing.assert_array_equal(quantile_by_cluster(values, q, np.arange(len(values)), weights), copies)


def test_clopper_pearson_known_values_and_ends() -> None:
    assert clopper_pearson(0, 10) == pytest.approx((0, 0.30849710781876083))
    assert clopper_pearson(10, 10) == pytest.approx((0.6915028921812392, 1))
    assert clopper_pearson(5, 10) == pytest.approx((0.18708602844739855, 0.8129139715526015))


def test_roc_curve_starts_at_nothing_and_ends_at_everything() -> None:
    false, true = roc_curve(np.array([2.0, 1, 1, 0]), np.array([True, True, False, False]))
    np.testing.assert_array_equal(false, [0, 0, 0.5, 1])
    np.testing.assert_array_equal(true, [0, 0.5, 1, 1])


def test_roc_band_encloses_its_curve() -> None:
    rng = np.random.default_rng(0)
    positives = rng.random(400) < 0.5
    weights = np.concatenate([np.ones((1, 400)), Resampling.over(400, 200, seed=0).cluster_draws])
    band = roc_band(rng.normal(size=400) + positives, positives, weights)
    assert (band.low <= band.value).all() and (band.value <= band.high).all() and band.value[-1] == 1


def test_a_thousand_aucs_of_ten_thousand_scores_take_under_two_seconds() -> None:
    rng = np.random.default_rng(0)
    scores, positives = rng.normal(size=10_000), rng.random(10_000) < 0.5
    weights = Resampling.over(10_000, 1000, seed=0).cluster_draws
    start = time.process_time()
    auc(scores, positives, weights)
    assert time.process_time() - start < 2


# --- the bootstrap ---


def test_every_replicate_draws_as_many_as_there_are() -> None:
    plan = Resampling.crossed(4, 17, 40, seed=1, groups=np.array([0, 0, 1, 2]))
    assert plan.group_draws is not None and (plan.group_draws.sum(axis=1) == 3).all() and plan.degrees == 2
    assert (plan.cluster_draws.sum(axis=1) == 17).all()
    assert all((plan.cells(group).sum(axis=1) == 17).all() for group in range(3))
    assert not np.array_equal(plan.cells(0), plan.cells(1))


def test_weighted_sums_equal_a_loop_over_groups_clusters_and_cells() -> None:
    """Catches a group's draw that reaches another victim, and components in another order."""
    plan = Resampling.crossed(4, 5, 6, seed=1, groups=np.array([0, 0, 1, 2]))
    values, expected = np.random.default_rng(0).normal(size=(4, 5)), []
    for group, cluster, cell in (((plan.group_draws), None, None), (None, plan.cluster_draws, None), (None, None, 1)):
        for replicate in range(6):
            total = 0.0
            for victim, row in enumerate(values):
                g = plan.group_of[victim]
                for point, value in enumerate(row):
                    weight = 1 if group is None else group[replicate, g]
                    weight = weight if cluster is None else weight * cluster[replicate, point]
                    total += value * (weight if cell is None else plan.cells(g)[replicate, point])
            expected.append(total)
    np.testing.assert_allclose(plan.sums(values), [values.sum(), *expected], rtol=1e-5)


def test_a_table_made_row_by_row_has_the_same_sums_to_the_last_bit() -> None:
    """Catches another order of additions, which rounds otherwise, and rows of several victims in memory at once."""
    plan = Resampling.crossed(6, 400, 6, seed=1, groups=np.array([0, 0, 1, 1, 2, 2]))
    values = np.random.default_rng(0).normal(size=(6, 400, 3))
    alive: list[weakref.ref[np.ndarray]] = []

    def row(victim: int) -> np.ndarray:
        assert not any(earlier() is not None for earlier in alive)
        made = values[victim].copy()
        alive.append(weakref.ref(made))
        return made

    at_hand, made = plan.sums_of([values, Rows(values.shape, row)])
    np.testing.assert_array_equal(at_hand, made)
    assert len(alive) == 6


def test_complementary_neighbours_are_one_group_and_one_pair_alone_is_no_cluster() -> None:
    rng = np.random.default_rng(0)
    members = rng.random((5, 9)) < 0.5
    members[1], members[4] = ~members[0], ~members[3]  # 3 and 4 are no neighbours of one pair
    assert groups_of(members).tolist() == [0, 0, 1, 2, 3]
    alone = Resampling.crossed(2, 9, 10, seed=0, groups=groups_of(members[:2]))
    assert alone.components == 1 and np.isinf(alone.degrees)
    assert alone.sums(np.ones((2, 9))).tolist() == [18.0] * 11  # every point weighs the same in both


@pytest.mark.parametrize("victims", [1, 3])
def test_means_over_the_first_items_are_those_by_their_weights_to_the_last_bit(victims: int) -> None:
    """Catches weights that are remembered for another victim or number of items, and another order of additions."""
    plan = Resampling.over(40, 30, seed=1) if victims == 1 else Resampling.crossed(victims, 40, 30, seed=1)
    values = np.random.default_rng(0).random((victims, 40))
    for items in (40, 7, 40):
        for victim in range(victims):
            weights = plan.of_victim(victim, np.arange(items))
            expected = (weights @ values[victim, :items]) / weights.sum(1).clip(1)
            np.testing.assert_array_equal(plan.mean_of_first(victim, values[victim, :items]), expected)


def test_items_of_a_cluster_are_drawn_together() -> None:
    weights = Resampling.over(3, 20, seed=0).of_victim(0, np.array([0, 2, 0, 1]))
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    assert weights.shape == (21, 4) and (weights[0] == 1).all()


def test_an_undefined_victim_is_left_out_of_the_average() -> None:
    plan = Resampling.crossed(2, 5, 10, seed=0)
    average = plan.average(np.stack([np.full(21, 0.25), np.full(21, np.nan)]))
    assert plan.group_draws is not None and average[0] == 0.25 and (average[11:] == 0.25).all()
    np.testing.assert_array_equal(np.isnan(average[1:11]), plan.group_draws[:, 0] == 0)


def test_interval_of_auc_covers_the_truth_in_clustered_null_data() -> None:
    """Would catch a bootstrap that resamples single candidates of a template as if they were independent."""
    rng = np.random.default_rng(7)
    worlds, clusters, each = 200, 40, 10
    index = np.repeat(np.arange(clusters), each)
    weights = Resampling.over(clusters, 300, seed=8).of_victim(0, index)
    naive = Resampling.over(len(index), 300, seed=9).cluster_draws
    covered = naively = 0
    for _ in range(worlds):
        scores = rng.normal(size=clusters)[index] + rng.normal(size=len(index))
        positives = rng.random(len(index)) < rng.beta(0.7, 0.7, size=clusters)[index]
        low, high = np.percentile(auc(scores, positives, weights[1:]), [2.5, 97.5])
        covered += low <= 0.5 <= high
        low, high = np.percentile(auc(scores, positives, naive), [2.5, 97.5])
        naively += low <= 0.5 <= high
    assert 178 <= covered <= 199  # 95 %: outside in 1 of 500
    assert naively < covered


def test_several_victims_cover_the_truth_where_they_share_their_templates() -> None:
    """Catches what all victims have in common averaged away, and a cell's noise counted more than once."""
    rng, victims, clusters, each = np.random.default_rng(3), 4, 30, 10
    index, hits = np.repeat(np.arange(clusters), each), 0
    plan = Resampling.crossed(victims, clusters, 200, seed=1)
    weights = [plan.of_victim(v, index) for v in range(victims)]
    for _ in range(120):
        common, rate = rng.normal(size=clusters)[index], rng.beta(0.7, 0.7, size=clusters)[index]
        values = [auc(common + rng.normal(size=len(index)), rng.random(len(index)) < rate, w) for w in weights]
        estimate = plan.estimate(plan.average(np.array(values)), len(index))
        hits += estimate.low <= 0.5 <= estimate.high
    assert 105 <= hits <= 119


def test_paired_difference_is_narrower_than_an_unpaired_one() -> None:
    rng = np.random.default_rng(0)
    positives, common = rng.random(500) < 0.5, rng.normal(size=500)
    plan, other = Resampling.over(500, 400, seed=0), Resampling.over(500, 400, seed=1)
    ones = np.ones((1, 500))

    def estimate(scores: np.ndarray, using: Resampling) -> Estimate:
        return using.estimate(auc(scores, positives, np.concatenate([ones, using.cluster_draws])), 500)

    a = estimate(common + positives + 0.1 * rng.normal(size=500), plan)
    scores_b = common + positives + 0.1 * rng.normal(size=500)
    paired, unpaired = a - estimate(scores_b, plan), a.replicates - estimate(scores_b, other).replicates
    assert paired.high - paired.low < 0.5 * np.subtract(*np.percentile(unpaired, [97.5, 2.5]))
    assert paired.value == a.value - estimate(scores_b, plan).value


def test_estimates_of_different_plans_cannot_be_subtracted() -> None:
    one, two = (Resampling.over(5, 10, seed=s).estimate(np.zeros(11), 5) for s in (0, 1))
    with pytest.raises(ValueError, match="same Resampling"):
        one - two
    assert (one - Resampling.over(5, 10, seed=0).estimate(np.ones(11), 3)).value == -1  # equal plans are one


def test_an_interval_needs_half_of_its_replicates() -> None:
    few = Estimate(0.5, np.array([np.nan] * 6 + [0.4] * 4), 10)
    enough = Estimate(0.5, np.array([np.nan] * 5 + [0.4] * 5), 10)
    assert np.isnan(few.low) and enough.low == enough.high == 0.4


def test_json_of_an_estimate_has_none_for_nan_and_its_note() -> None:
    undefined = dict.fromkeys(("value", "low", "high", "standard_error", "degrees"))
    assert Estimate.exact(float("nan"), 0).to_json() == undefined | {"n": 0}
    assert Estimate(1.0, np.ones((3, 4)), 4, "why", degrees=2.0, distinct=3).to_json() == {
        **{"value": 1.0, "low": 1.0, "high": 1.0, "n": 4, "distinct": 3},
        **{"standard_error": 0.0, "degrees": 2.0, "note": "why"},
    }


def test_three_components_make_students_interval_of_the_two_way_variance() -> None:
    """Catches a cell's noise counted twice, and a variance of few groups that is not made larger."""
    scale = np.sqrt(9 / 10)  # ten replicates, half of them on either side: their variance is 1 of scale 1
    one = scale * np.tile([-1.0, 1.0], 5)
    estimate = Estimate(0.5, 0.5 + 0.01 * np.stack([3 * one, 2 * one, one]), 9, degrees=9.0)
    assert estimate.standard_error == pytest.approx(0.01 * np.sqrt(9 * 10 / 9 + 4 - 1))
    assert estimate.high - estimate.value == pytest.approx(2.262157 * estimate.standard_error)
    assert two_way_variance(1.0, 2.0, 4.0, np.inf) == 1.0  # not below the smaller of both
    assert two_way_variance(0.0, 2.0, 4.0, np.inf) == 2.0  # nor 0 where points do vary
    assert np.isnan(two_way_variance(np.nan, 2.0, 4.0, 9))


def test_an_interval_does_not_leave_what_a_number_can_be() -> None:
    rate = Estimate(0.01, 0.01 + 0.02 * np.random.default_rng(0).normal(size=(3, 99)), 9, degrees=9.0, limits=(0, 1))
    assert rate.low == 0 and rate.high > 0.03
    assert (rate - rate).limits == (-np.inf, np.inf)  # a difference may be negative


def test_what_no_record_contradicts_is_as_sure_as_persons_are_many() -> None:
    """Catches records of one person counted as many, and an end that moves where the number is not at its limit."""
    whose = np.array([0, 0, 0, 1, 2, 3])
    plan = Resampling.crossed(2, 6, 50, seed=0, drawn_with=whose)
    inside = np.array([[True, True, True, True, False, False]] * 2)
    assert plan.rarer(inside) == 2 and plan.rarer(inside, np.arange(6) < 4) == 0
    sure = plan.estimate(np.ones(151), 6, limits=(0.0, 1.0), rarer=2)
    assert (round(sure.low, 4), sure.high) == (round(0.025**0.5, 4), 1.0)
    none = plan.estimate(np.zeros(151), 6, limits=(0.0, 12.0), rarer=2)
    assert (none.low, round(none.high, 4)) == (0.0, round(12 * (1 - 0.025**0.5), 4))
    unknown = plan.estimate(np.append(1.0, np.full(150, np.nan)), 6, limits=(0.0, 1.0), rarer=2)
    assert np.isnan(unknown.low) and np.isnan(unknown.high)  # both ends or neither
    inner = plan.estimate(np.full(151, 0.5), 6, limits=(0.0, 1.0), rarer=2)
    assert inner.low == inner.high == 0.5
