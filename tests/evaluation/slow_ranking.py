"""The ranking metrics as first written: every weight made, every metric ranked anew. What faster code must equal."""

from __future__ import annotations

import numpy as np

from telltale.evaluation.statistics import Resampling


def weighted_quantile(values: np.ndarray, q: float, weights: np.ndarray) -> np.ndarray:
    """Smallest value with at least a share q of the weight at or below it: (items,), (replicates, items)."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1, dtype=float)
    below = (reached < q * reached[:, -1:] - 1e-6).sum(axis=1)
    return np.where(reached[:, -1] > 0, np.asarray(values, dtype=float)[order][below], np.nan)


def all_weights(plan: Resampling) -> np.ndarray:
    """Every weight of every component: (1 + components * replicates, victims * clusters), row 0 ones."""
    ones, parts = np.ones((plan.victims, plan.clusters), int), []
    if plan.group_draws is not None:
        parts += [drawn[plan.group_of][:, None] * ones for drawn in plan.group_draws]
    parts += [drawn[None].astype(int) * ones for drawn in plan.cluster_draws]
    if plan.group_draws is not None:
        cells = np.stack([plan.cells(group) for group in plan.group_of], axis=1)
        parts += list(cells.astype(int))
    return np.stack([ones, *parts]).reshape(1 + len(parts), -1)


def influence(scores: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Each item's influence on the AUC, from all pairs of a positive and a negative."""
    wins = (scores[positives][:, None] > scores[~positives]) + 0.5 * (scores[positives][:, None] == scores[~positives])
    found = np.empty(len(scores))
    found[positives] = (wins.mean(axis=1) - wins.mean()) / positives.sum()
    found[~positives] = (wins.mean(axis=0) - wins.mean()) / (~positives).sum()
    return found


def ranked(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], scores[order][1:] != scores[order][:-1]]))
    columns = weights[:, order].astype(float)
    true = columns * positives[order]
    sides = [np.add.reduceat(side, starts, axis=1) for side in (true, columns - true)]
    return np.cumsum(sides[0], axis=1), np.cumsum(sides[1], axis=1)


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def auc(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> np.ndarray:
    true, false = ranked(scores, positives, weights)
    before = np.pad(true, ((0, 0), (1, 0)))
    pairs = (np.diff(false, prepend=0) * (before[:, 1:] + before[:, :-1])).sum(axis=1) / 2
    return ratio(pairs, true[:, -1] * false[:, -1])


def tpr_at_fpr(scores: np.ndarray, positives: np.ndarray, fpr: float, weights: np.ndarray) -> np.ndarray:
    true, false = ranked(scores, positives, weights)
    reached = (false <= fpr * false[:, -1:] + 1e-6).sum(axis=1)
    found = np.take_along_axis(true, np.maximum(reached - 1, 0)[:, None], axis=1)[:, 0]
    return ratio(np.where(reached > 0, found, 0), np.where(false[:, -1] > 0, true[:, -1], 0))


def best_balanced_accuracy(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A loop over all thresholds."""
    best = np.full(len(weights), 0.5)
    for threshold in np.unique(scores):
        best = np.maximum(best, auc((scores >= threshold).astype(float), positives, weights))
    return best
