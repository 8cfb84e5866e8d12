"""Ranking metrics, weighted: each takes (replicates, items) weights and gives one value a replicate.

Scores are higher = more likely positive, and ties are never broken by the order of the records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from src.evaluation.statistics import CHUNK, Band, Estimate, ratio_or_nan


@dataclass(frozen=True)
class Ranked:
    """What a ranking finds down to each distinct score, best first; tied records come together.

    true, false: (replicates, thresholds) weight of the positives and of the negatives with at least that
    score.
    """

    true: np.ndarray
    false: np.ndarray

    def auc(self) -> np.ndarray:
        """P(positive scores above negative) + P(tie) / 2, the weighted Mann-Whitney statistic."""
        before = np.pad(self.true, ((0, 0), (1, 0)))
        pairs = (np.diff(self.false, prepend=0) * (before[:, 1:] + before[:, :-1])).sum(axis=1) / 2
        return ratio_or_nan(pairs, self.true[:, -1] * self.false[:, -1])

    def tpr_at_fpr(self, fpr: float) -> np.ndarray:
        """Return the largest TPR whose false-positive rate is at most `fpr`; no interpolation."""
        negatives = self.false[:, -1:]
        reached = (self.false <= fpr * negatives + 1e-6).sum(axis=1)  # 1e-6: 0.29 * 100 < 29
        found = np.take_along_axis(self.true, np.maximum(reached - 1, 0)[:, None], axis=1)[:, 0]
        defined = np.where(negatives[:, 0] > 0, self.true[:, -1], 0)
        return ratio_or_nan(np.where(reached > 0, found, 0), defined)

    def precision_at(self, k: float) -> np.ndarray:
        """Return the share of positives in the top `k`; a tie at the border counts in expectation."""
        known = self.true + self.false
        k_row = np.minimum(k, known[:, -1:])
        border = (known < k_row).sum(axis=1)[:, None]

        def upto(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            padded = np.pad(counts, ((0, 0), (1, 0)))
            return np.take_along_axis(padded, border, 1), np.take_along_axis(padded, border + 1, 1)

        (hits, hits_next), (taken, taken_next) = upto(self.true), upto(known)
        share = ratio_or_nan(k_row - taken, taken_next - taken)
        return ratio_or_nan(hits + share * (hits_next - hits), k_row)[:, 0]

    def base_rate(self) -> np.ndarray:
        """Return the share of positives: the precision of a random ranking."""
        return ratio_or_nan(self.true[:, -1], self.true[:, -1] + self.false[:, -1])


Metric = Callable[[Ranked], np.ndarray]


def rank(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> Ranked:
    """Rank (items,) scores under (replicates, items) weights; ValueError if a score is NaN."""
    scores = np.asarray(scores, dtype=float)
    if np.isnan(scores).any():
        raise ValueError(f"{int(np.isnan(scores).sum())} of {scores.size} scores are NaN and cannot be ranked")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    columns = weights[:, order].astype(float)
    true = columns * np.asarray(positives, dtype=bool)[order]
    sides = [true, columns - true]
    if len(starts) < len(scores):
        sides = [np.add.reduceat(side, starts, axis=1) for side in sides]
    return Ranked(*(np.cumsum(side, axis=1) for side in sides))


def measure(
    scores: np.ndarray, positives: np.ndarray, weights: np.ndarray, metrics: Mapping[str, Metric]
) -> dict[str, np.ndarray]:
    """Measure several metrics of one ranking, each (replicates,); NaN throughout if there is no item."""
    if len(scores) == 0:
        return {name: np.full(len(weights), np.nan) for name in metrics}
    rows = max(1, CHUNK // len(scores))
    parts = [rank(scores, positives, weights[at : at + rows]) for at in range(0, len(weights), rows)]
    return {name: np.concatenate([metric(part) for part in parts]) for name, metric in metrics.items()}


def auc(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each replicate, ties counted half; NaN if a class is empty."""
    return measure(scores, positives, weights, {"": Ranked.auc})[""]


def tpr_at_fpr(scores: np.ndarray, positives: np.ndarray, fpr: float, weights: np.ndarray) -> np.ndarray:
    """Largest TPR with FPR <= fpr of each replicate, without interpolation; NaN if a class is empty."""
    return measure(scores, positives, weights, {"": partial(Ranked.tpr_at_fpr, fpr=fpr)})[""]


def precision_at(scores: np.ndarray, positives: np.ndarray, k: float, weights: np.ndarray) -> np.ndarray:
    """Precision in the top k of each replicate's pool; ties at the border count in expectation."""
    return measure(scores, positives, weights, {"": partial(Ranked.precision_at, k=k)})[""]


def balanced_accuracy(scores: np.ndarray, positives: np.ndarray, threshold: float, weights: np.ndarray) -> np.ndarray:
    """(TPR + TNR) / 2 when a score >= threshold is called positive, which is the AUC of that decision."""
    return auc((np.asarray(scores) >= threshold).astype(float), positives, weights)


def roc_curve(scores: np.ndarray, positives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return false- and true-positive rate at each distinct score, from (0, 0) to (1, 1)."""
    ranked = rank(scores, positives, np.ones((1, len(scores))))
    false, true = (np.pad(side[0], (1, 0)) for side in (ranked.false, ranked.true))
    return ratio_or_nan(false, false[-1:]), ratio_or_nan(true, true[-1:])


def roc_band(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray, points: int = 41) -> Band:
    """Return TPR over a log grid of FPR from 1 / negatives to 1; weights: row 0 is the data as it is."""
    negatives = max(2, int((~np.asarray(positives, dtype=bool)).sum()))
    grid = np.logspace(-np.log10(negatives), 0, points)
    metrics = {str(i): partial(Ranked.tpr_at_fpr, fpr=float(x)) for i, x in enumerate(grid)}
    values = measure(scores, positives, weights, metrics)
    return Band.of(grid, [Estimate(float(v[0]), v[1:], len(scores)) for v in values.values()])


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of (items,) values under (replicates, items) weights; NaN where all weights are 0."""
    return ratio_or_nan(weights @ np.asarray(values, dtype=float), weights.sum(axis=1, dtype=float))


def weighted_quantile(values: np.ndarray, q: float, weights: np.ndarray) -> np.ndarray:
    """Smallest value with at least a share q of the weight at or below it (inverse of the weighted CDF)."""
    order = np.argsort(values, kind="stable")
    known = np.cumsum(weights[:, order], axis=1, dtype=float)
    below = (known < q * known[:, -1:] - 1e-6).sum(axis=1)
    return np.where(known[:, -1] > 0, np.asarray(values, dtype=float)[order][below], np.nan)
