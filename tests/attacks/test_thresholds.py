"""Thresholds and areas that shadow models teach, against what their definitions say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from telltale.attacks.membership.thresholds import (
    all_class_thresholds,
    areas,
    best_threshold,
    best_thresholds,
    class_thresholds,
)

SCORES = st.sampled_from([-np.inf, -1.0, 0.0, 0.25, 0.5, 2.0, np.inf])
POINTS = st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=14)


@given(POINTS)
def test_the_best_threshold_is_the_smallest_score_of_the_largest_accuracy(points: list[tuple[float, bool]]) -> None:
    """Catches a better threshold that is passed over, a later one of equals, and ties that are split."""
    scores, members = (np.array(column) for column in zip(*points, strict=True))
    found = best_threshold(scores, members)
    if members.all() or not members.any():
        assert found == -np.inf
        return
    # whole numbers: TPR + TNR times both counts
    right = {
        threshold: (scores[members] >= threshold).sum() * (~members).sum()
        + (scores[~members] < threshold).sum() * members.sum()
        for threshold in np.unique(scores)
    }
    assert found == min(threshold for threshold in right if right[threshold] == max(right.values()))


def test_areas_are_those_of_scikit_learn_and_one_half_where_a_class_is_missing() -> None:
    """Catches ties that count whole, or not at all."""
    rng = np.random.default_rng(0)
    scores, members = rng.integers(0, 5, (6, 30)).astype(float), rng.random((6, 30)) < 0.4
    members[5] = True
    expected = [roc_auc_score(inside, row) for inside, row in zip(members[:5], scores[:5], strict=True)]
    assert np.allclose(areas(scores, members), [*expected, 0.5])


@given(st.lists(st.lists(st.tuples(SCORES, st.booleans()), min_size=4, max_size=4), min_size=2, max_size=6), st.data())
def test_thresholds_without_some_models_are_those_of_the_others(
    models: list[list[tuple[float, bool]]], data: st.DataObject
) -> None:
    """Catches a score of a model left out that is still a candidate or counted, and a best one that is not compared."""
    table = np.array(models)
    scores, members = table[..., 0], table[..., 1].astype(bool)
    sets = st.sets(st.integers(0, len(models) - 1), max_size=len(models) - 1)
    outs = [tuple(sorted(out)) for out in data.draw(st.lists(sets, min_size=1, max_size=4))]
    left = [np.setdiff1d(np.arange(len(models)), out) for out in outs]
    expected = [best_threshold(scores[those], members[those]) for those in left]
    assert best_thresholds(scores, members, outs).tolist() == expected


def test_thresholds_without_some_models_are_those_of_the_others_where_scores_are_many() -> None:
    """Catches a bound that is too tight: a threshold far from the best of all models that is best without some."""
    rng = np.random.default_rng(0)
    members = rng.random((12, 300)) < rng.random((12, 1))
    scores = np.round(rng.normal(size=members.shape) + members * rng.normal(size=(12, 1)), 2)
    outs = [(), *((model,) for model in range(12)), (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)]
    left = [np.setdiff1d(np.arange(12), out) for out in outs]
    expected = [best_threshold(scores[those], members[those]) for those in left]
    assert best_thresholds(scores, members, outs).tolist() == expected
    labels = rng.integers(0, 4, 300)
    lines = [class_thresholds(scores[those], members[those], labels, 5) for those in left]
    np.testing.assert_array_equal(all_class_thresholds(scores, members, labels, 5, outs), lines)
