"""How well members are told from held-out records without the model: a detector that learns membership itself.

It is trained when the truth is open, on the records, their labels and what reference models say of them, and
cross-fitted: each record is scored by a detector that saw neither it nor any record of its group. What it reaches is a
difference between the two kinds of records, be it of time, of source or of people, and no memory of the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.evaluation.ranks import average_ranks
from telltale.evidence import MembershipScores
from telltale.progress import track
from telltale.truth import Truth

FOLDS = 5
FEW = 200  # records, below which trees have nothing to split: a linear detector instead
RIDGE = 1.0  # a column
MOST_DIRECTIONS = 256
MOST_COLUMNS = 64  # of records, among which trees still find what reference models say
MOST_LEFT = 3000  # records from which trees learn what ridge regression leaves
TREES = 30
KNOTS = 6
MOST = 20_000  # records a detector is trained on; of more, a random part


def looks_like_a_member(
    features: np.ndarray,
    membership: np.ndarray,
    groups: np.ndarray | None,
    seed: int,
    predicted: np.ndarray | None = None,
) -> MembershipScores | None:
    """Score each record by a cross-fitted detector: features (points, width), membership (points,) bool.

    groups: (points,) records of which none is scored by a detector that saw another; None = each for itself. predicted:
    (points, columns) what reference models say of each. None where a side has so few groups that a detector would have
    seen none of it, or all.
    """
    from sklearn.model_selection import StratifiedGroupKFold
    from threadpoolctl import threadpool_limits

    if (number := min(FOLDS, *groups_of_each_side(membership, groups))) < 2:
        return None
    groups = np.arange(len(membership)) if groups is None else groups
    width = 0 if predicted is None else predicted.shape[1]
    features = features if predicted is None else np.concatenate([features, predicted], 1)
    scores = np.zeros(len(membership))
    folds = StratifiedGroupKFold(number, shuffle=True, random_state=seed % 2**32)
    with threadpool_limits(1):  # threads of trees that wait for each other take minutes on a busy machine
        for learn, judge in track(folds.split(features, membership, groups), "detector without the model", number):
            if len(learn) > MOST:
                learn = np.sort(np.random.default_rng(seed).choice(learn, MOST, replace=False))
            if membership[learn].all() or not membership[learn].any():
                return None
            scores[judge] = _odds(features[learn], membership[learn], features[judge], seed, width)
    return MembershipScores(scores[None], alone=scores[None])


def groups_of_each_side(membership: np.ndarray, groups: np.ndarray | None) -> tuple[int, int]:
    """Count the groups that have members, and those that have others; without groups each record is one.

    >>> groups_of_each_side(np.array([True, True, True, False]), None)
    (3, 1)
    """
    groups = np.arange(len(membership)) if groups is None else groups
    return len(np.unique(groups[membership])), len(np.unique(groups[~membership]))


def less_expected(scores: np.ndarray, truth: Truth, seed: int) -> np.ndarray:
    """Return the ranks of scores less what the records alone let expect of them: (attacks, points), same shape.

    A score that follows from the record says nothing of memory. What it is expected to be is learned by ridge
    regression from the records of both kinds, cross-fitted by group, without their membership; what reference models
    say of a record enters by splines, as a score is a curved function of it, and trees learn what is left. Together
    with weights by the probability of membership, an error of one of the two alone does no harm (Shah & Peters, Annals
    of Statistics 2020, section 3). As they are where nothing is known of the records.
    """
    if truth.features is None:
        return scores
    from sklearn.model_selection import GroupKFold
    from sklearn.preprocessing import StandardScaler

    ranks = (average_ranks(scores, axis=1) / scores.shape[1] - 0.5).T
    features = _few(StandardScaler().fit_transform(truth.features))
    groups = np.random.default_rng(seed).permutation(len(features)) if truth.groups is None else truth.groups
    expected = np.zeros_like(ranks)
    for learn, judge in GroupKFold(min(FOLDS, len(np.unique(groups)))).split(features, groups=groups):
        expected[judge] = _expected(features, truth.predicted, ranks, learn, judge, seed)
    return np.asarray((ranks - expected).T)


def _expected(
    features: np.ndarray,
    predicted: np.ndarray | None,
    ranks: np.ndarray,
    learn: np.ndarray,
    judge: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Return the ranks expected of the records at `judge`, (judged, attacks), learned from those at `learn`."""
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import SplineTransformer

    curves = features
    if predicted is not None:
        splines = SplineTransformer(KNOTS, knots="quantile").fit(predicted[learn])
        curves = np.concatenate([features, KNOTS * splines.transform(predicted)], 1)
    ridge = Ridge(alpha=RIDGE * features.shape[1]).fit(curves[learn], ranks[learn])
    line = ridge.predict(curves).reshape(len(curves), -1)
    if predicted is None or len(learn) < FEW:
        return line[judge]
    known = np.concatenate([predicted, features], 1) if features.shape[1] <= MOST_COLUMNS else predicted
    trees = ExtraTreesRegressor(TREES, min_samples_leaf=10, max_features=0.5, random_state=seed % 2**32)
    some = learn if len(learn) <= MOST_LEFT else np.random.default_rng(seed).choice(learn, MOST_LEFT, replace=False)
    left = (ranks - line)[some]
    trees.fit(known[some], left[:, 0] if left.shape[1] == 1 else left)
    return line[judge] + trees.predict(known[judge]).reshape(len(judge), -1)


def _few(features: np.ndarray) -> np.ndarray:
    """Return the directions in which records differ most, where they have more than MOST_DIRECTIONS."""
    if features.shape[1] <= MOST_DIRECTIONS:
        return features
    from sklearn.decomposition import TruncatedSVD

    return np.asarray(TruncatedSVD(MOST_DIRECTIONS, random_state=0).fit_transform(features))


def _odds(known: np.ndarray, membership: np.ndarray, judged: np.ndarray, seed: int, width: int) -> np.ndarray:
    """Return the mean log-odds of detectors: a linear one for trends, trees for the rest.

    And both of the last `width` columns alone, what reference models say: many others would drown it.
    """
    said = [detector.fit(known, membership).decision_function(judged) for detector in _detectors(len(known), seed)]
    if width:
        known, judged = known[:, -width:], judged[:, -width:]
        said += [detector.fit(known, membership).decision_function(judged) for detector in _detectors(len(known), seed)]
    return np.asarray(np.mean(said, axis=0))


def _detectors(records: int, seed: int) -> list[Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    if records < FEW:
        return [linear]
    trees = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, min_samples_leaf=20, learning_rate=0.05, max_bins=32, random_state=seed % 2**32
    )
    return [linear, trees]
