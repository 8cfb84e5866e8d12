"""What any model would say of a record: predictions of models that were fitted without knowing who was a member.

How sure a model is of a record, and how wrong, depends on the record: some are easy for every model, some are labelled
by mistake. Where members are the easier records, an attack finds them in a model that saw none of them. Plain columns
do not tell how hard a record is; models of its label do. Two kinds, one linear and one of trees, are fitted to the
records of both sides and to the attacker's, each side weighing alike, and cross-fitted: none predicts a record that it
saw, or one of whose group it saw another.
"""

from __future__ import annotations

from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np

FOLDS = 5
LEAST = 20  # records of each side, below which nothing is fitted
MOST = 4000  # records a reference model is fitted to; of more, a random part
MOST_DIRECTIONS = 128
MOST_CLASSES = 30  # the most frequent; others are one
TREES = 40
RIDGE = 0.1  # a column
SURE = 1e-3  # probabilities are kept that far from 0 and 1


def reference_predictions(
    features: np.ndarray,
    labels: np.ndarray,
    membership: np.ndarray,
    groups: np.ndarray | None,
    seed: int,
    population: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray | None:
    """Return what is known of each record by its label and by reference models, (points, columns) float32.

    features: (points, width); labels: (points,) int of classes, float of real values; membership: (points,) bool;
    groups: (points,) records of which none is predicted by a model that saw another, None = each for itself;
    population: features and labels of more records that are no members, which are learned from alone.

    For classes: which it is, and of each reference model the log-odds of the true class and of the most probable one,
    the entropy, and how far the two most probable are apart. For real values: the value, and of each model the
    prediction, its error and the logarithm of its size. None where all labels are the same, or records or groups are
    too few.
    """
    if min(membership.sum(), (~membership).sum()) < LEAST:
        return None
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    number = len(membership)
    groups = np.arange(number) if groups is None else np.unique(groups, return_inverse=True)[1]
    inside = membership
    if population is not None:
        features, labels = (np.concatenate(both) for both in zip((features, labels), population, strict=True))
        inside = np.concatenate([membership, np.zeros(len(labels) - number, bool)])
    real = labels.dtype.kind == "f"
    labels = labels / (labels.std() or 1) if real else _frequent(labels)
    names, folds = np.unique(labels), min(FOLDS, groups.max() + 1)
    if folds < 2 or len(names) < 2:
        return None
    with threadpool_limits(1), catch_warnings():  # one thread, as the detector
        simplefilter("ignore", ConvergenceWarning)  # a reference need not be the best of its kind
        said = _cross_fitted(_scaled(features), labels, inside, _folds(groups, folds, seed), real, seed)
    own = labels[:number, None] if real else labels[:number, None] == names[: min(len(names), MOST_CLASSES)]
    return None if said is None else np.concatenate([own, said], 1, dtype=np.float32)


def _folds(groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Deal whole groups into folds, (points,) int."""
    number = groups.max() + 1
    return np.random.default_rng(seed).permutation(np.arange(number) % folds)[groups]


def _cross_fitted(
    features: np.ndarray, labels: np.ndarray, inside: np.ndarray, folds: np.ndarray, real: bool, seed: int
) -> np.ndarray | None:
    """Predict the first len(folds) records by models of the other folds and of all records after these."""
    number, rng = len(folds), np.random.default_rng(seed)
    said: np.ndarray | None = None
    for fold in np.unique(folds):
        judge = np.flatnonzero(folds == fold)
        learn = np.concatenate([np.flatnonzero(folds != fold), np.arange(number, len(features))])
        learn = np.sort(rng.choice(learn, MOST, replace=False)) if len(learn) > MOST else learn
        share = inside[learn].mean()
        if share in (0, 1) or len(np.unique(labels[learn])) < 2:
            return None
        weights = np.where(inside[learn], 0.5 / share, 0.5 / (1 - share))
        tell = _of_values if real else _of_classes
        told = tell(features[learn], labels[learn], weights, features[judge], labels[judge], seed)
        said = np.zeros((number, told.shape[1]), np.float32) if said is None else said
        said[judge] = told
    return said


def _of_classes(
    known: np.ndarray, labels: np.ndarray, weights: np.ndarray, judged: np.ndarray, true: np.ndarray, seed: int
) -> np.ndarray:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression

    linear = LogisticRegression(C=1.0, max_iter=200)
    trees = ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed % 2**32)
    columns = []
    for model in (linear, trees):
        model.fit(known, labels, sample_weight=weights)
        p = np.clip(model.predict_proba(judged), SURE, 1 - SURE)
        place = np.searchsorted(model.classes_, true)
        there = model.classes_[np.minimum(place, len(model.classes_) - 1)] == true
        own = np.where(there, p[np.arange(len(p)), np.where(there, place, 0)], SURE)
        ordered = np.sort(p, axis=1)
        entropy = -(p * np.log(p)).sum(1)
        columns += [_log_odds(own), _log_odds(ordered[:, -1]), entropy, np.log(ordered[:, -1] / ordered[:, -2])]
    return np.stack(columns, 1)


def _of_values(
    known: np.ndarray, labels: np.ndarray, weights: np.ndarray, judged: np.ndarray, true: np.ndarray, seed: int
) -> np.ndarray:
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import Ridge

    linear = Ridge(alpha=RIDGE * known.shape[1])
    trees = ExtraTreesRegressor(TREES, min_samples_leaf=2, max_features=1 / 3, random_state=seed % 2**32)
    columns = []
    for model in (linear, trees):
        predicted = model.fit(known, labels, sample_weight=weights).predict(judged)
        error = true - predicted
        columns += [predicted, error, np.log(np.abs(error) + SURE)]
    return np.stack(columns, 1)


def _log_odds(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(p / (1 - p)))


def _frequent(labels: np.ndarray) -> np.ndarray:
    """Number the most frequent classes, and all others as one."""
    names, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(names) <= MOST_CLASSES:
        return np.asarray(places)
    rank = np.argsort(np.argsort(-counts, kind="stable"))
    return np.asarray(np.minimum(rank, MOST_CLASSES)[places])


def _scaled(features: np.ndarray) -> np.ndarray:
    """Return standardised columns, or the directions in which records differ most where there are many."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import StandardScaler

    scaled: Any = StandardScaler().fit_transform(features)
    if features.shape[1] > MOST_DIRECTIONS:
        scaled = StandardScaler().fit_transform(TruncatedSVD(MOST_DIRECTIONS, random_state=0).fit_transform(scaled))
    return np.asarray(scaled, dtype=np.float64)
