"""Thresholds and areas that shadow models teach, against what their definitions say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from telltale.attacks.membership.thresholds import areas, best_threshold

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
