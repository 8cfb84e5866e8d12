"""Ranking metrics, weighted: each takes (replicates, items) weights and gives one value a replicate.

Scores are higher = more likely positive, and ties are never broken by the order of the records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from telltale.evaluation.statistics import Band, Estimate, ratio_or_nan
from telltale.evaluation.weights import blocks, totals


@dataclass(frozen=True)
class Ranked:
    """What a ranking finds down to each distinct score, best first; tied records come together.

    true, false: (replicates, thresholds) weight of the positives and of the negatives with at least that
    score; whole numbers where the weights are.
    """

    true: np.ndarray
    false: np.ndarray

    def auc(self) -> np.ndarray:
        """P(positive scores above negative) + P(tie) / 2, the weighted Mann-Whitney statistic.

        Of four pairs of a positive and a negative, three in order and one a tie:

        >>> auc(np.array([3, 2, 2, 1]), np.array([True, True, False, False]), np.ones((1, 4)))
        array([0.875])
        """
        gained, lost = (np.diff(side, axis=1, prepend=side.dtype.type(0)) for side in (self.true, self.false))
        pairs = np.einsum("ij,ij->i", lost, 2 * self.true - gained, dtype=float) / 2
        return ratio_or_nan(pairs, self.true[:, -1].astype(float) * self.false[:, -1])

    def tpr_at_fpr(self, fpr: float) -> np.ndarray:
        """Return the largest TPR whose false-positive rate is at most `fpr`; no interpolation.

        >>> tpr_at_fpr(np.array([4, 3, 2, 1]), np.array([True, False, True, False]), 0.0, np.ones((1, 4)))
        array([0.5])
        """
        return self.tpr_at_fprs(np.array([fpr]))[:, 0]

    def tpr_at_fprs(self, fprs: np.ndarray) -> np.ndarray:
        """Return that TPR for several false-positive rates at once: (rates,) -> (replicates, rates)."""
        negatives = self.false[:, -1:]
        allowed = fprs * negatives + 1e-6  # 1e-6: 0.29 * 100 < 29
        if self.false.dtype.kind == "i":
            allowed = np.floor(allowed).astype(self.false.dtype)  # else each search would copy its row as float
        searched = zip(self.false, allowed, strict=True)
        reached = np.stack([np.searchsorted(row, most, side="right") for row, most in searched])
        hits = np.take_along_axis(self.true, np.maximum(reached - 1, 0), axis=1)
        defined = np.where(negatives > 0, self.true[:, -1:], 0)
        return ratio_or_nan(np.where(reached > 0, hits, 0), defined)

    def best_balanced_accuracy(self) -> np.ndarray:
        """Return the largest (TPR + TNR) / 2 that any threshold reaches on these very records: optimistic."""
        tpr, fpr = (side * ratio_or_nan(np.ones(1), side[:, -1:].astype(float)) for side in (self.true, self.false))
        gain = (tpr - fpr).max(axis=1)
        return (1 + np.where(gain < 0, 0, gain)) / 2  # a threshold above every score has gain 0; NaN stays NaN

    def precision_at(self, k: float) -> np.ndarray:
        """Return the share of positives in the top `k`; a tie at the border counts in expectation.

        >>> precision_at(np.array([2, 1, 1]), np.array([True, True, False]), 2, np.ones((1, 3)))
        array([0.75])
        """
        return self.precisions_at(np.array([k]))[:, 0]

    def precisions_at(self, sizes: np.ndarray) -> np.ndarray:
        """Return that share for several lengths of list at once: (sizes,) -> (replicates, sizes)."""
        listed = self.true + self.false
        length = np.minimum(sizes, listed[:, -1:])
        border = np.stack([np.searchsorted(row, most) for row, most in zip(listed, length, strict=True)])

        def upto(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            before = np.take_along_axis(counts, np.maximum(border - 1, 0), 1)
            return np.where(border > 0, before, 0), np.take_along_axis(counts, border, 1)

        (hits, hits_next), (taken, taken_next) = upto(self.true), upto(listed)
        share = ratio_or_nan(length - taken, taken_next - taken)
        return ratio_or_nan(hits + share * (hits_next - hits), length)

    def base_rate(self) -> np.ndarray:
        """Return the share of positives: the precision of a random ranking."""
        return ratio_or_nan(self.true[:, -1], self.true[:, -1] + self.false[:, -1])


Metric = Callable[[Ranked], np.ndarray]


def measure(
    scores: np.ndarray, positives: np.ndarray, weights: np.ndarray, metrics: Mapping[str, Metric]
) -> dict[str, np.ndarray]:
    """Measure several metrics of one ranking, each (replicates, …); NaN throughout if there is no item."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    for ranked in rankings(scores, positives, weights):
        for name, metric in metrics.items():
            parts[name].append(metric(ranked))
    return {name: np.concatenate(values) for name, values in parts.items()}


def rankings(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> Iterator[Ranked]:
    """Rank (items,) scores under (replicates, items) weights, some replicates at a time, in order.

    The scores are sorted once, the weights never made whole. ValueError if a score is NaN.
    """
    order, ends = sorted_ends(scores)
    if not len(order):
        yield Ranked(*(np.zeros((len(weights), 1)) for _ in range(2)))
        return
    positive = np.asarray(positives, dtype=bool)[order]
    for columns in blocks(weights, order):
        kind = _counting(columns)
        true = np.multiply(columns, positive, dtype=kind)
        sides = (np.cumsum(side, axis=1, dtype=kind) for side in (true, columns - true))
        yield Ranked(*(side if len(ends) == len(order) else side[:, ends] for side in sides))


def sorted_ends(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of (items,) scores, best first, and the last place of each distinct one; ValueError if NaN."""
    scores = np.asarray(scores, dtype=float)
    if np.isnan(scores).any():
        raise ValueError(f"{int(np.isnan(scores).sum())} of {scores.size} scores are NaN and cannot be ranked")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    return order, np.flatnonzero(np.append(ordered[1:] != ordered[:-1], np.ones(min(1, len(order)), bool)))


def _counting(columns: np.ndarray) -> type[np.int32] | type[np.float64]:
    """Count in whole numbers where they fit: twice as fast as floats, and the same numbers (both are exact)."""
    whole = columns.dtype.kind in "iub" and columns.sum(axis=1, dtype=np.int64).max(initial=0) < 2**30
    return np.int32 if whole else np.float64


def auc(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each replicate, ties counted half; NaN if a class is empty."""
    return measure(scores, positives, weights, {"": Ranked.auc})[""]


def tpr_at_fpr(scores: np.ndarray, positives: np.ndarray, fpr: float, weights: np.ndarray) -> np.ndarray:
    """Largest TPR with FPR <= fpr of each replicate, without interpolation; NaN if a class is empty."""
    return measure(scores, positives, weights, {"": partial(Ranked.tpr_at_fpr, fpr=fpr)})[""]


def precision_at(scores: np.ndarray, positives: np.ndarray, k: float, weights: np.ndarray) -> np.ndarray:
    """Precision in the top k of each replicate's pool; ties at the border count in expectation."""
    return measure(scores, positives, weights, {"": partial(Ranked.precision_at, k=k)})[""]


def balanced_accuracy(
    scores: np.ndarray, positives: np.ndarray, threshold: float | np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(TPR + TNR) / 2 when a score >= threshold is called positive, which is the AUC of that decision.

    threshold: one for all, or (items,).
    """
    called, positives = np.asarray(scores) >= threshold, np.asarray(positives, dtype=bool)
    true, false = (
        np.stack([totals(weights, called & side), totals(weights, side)], axis=1) for side in (positives, ~positives)
    )
    return Ranked(true, false).auc()


def roc_curve(scores: np.ndarray, positives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return false- and true-positive rate at each distinct score, from (0, 0) to (1, 1)."""
    (ranked,) = rankings(scores, positives, np.ones((1, len(scores))))
    false, true = (np.pad(side[0], (1, 0)) for side in (ranked.false, ranked.true))
    return ratio_or_nan(false, false[-1:]), ratio_or_nan(true, true[-1:])


def roc_grid(positives: np.ndarray, points: int = 41) -> np.ndarray:
    """Return a log grid of false-positive rates from 1 / negatives to 1: (points,)."""
    negatives = max(2, int((~np.asarray(positives, dtype=bool)).sum()))
    return np.logspace(-np.log10(negatives), 0, points)


def roc_band(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray, points: int = 41) -> Band:
    """Return TPR over a log grid of FPR from 1 / negatives to 1; weights: row 0 is the data as it is."""
    grid = roc_grid(positives, points)
    tprs = measure(scores, positives, weights, {"": partial(Ranked.tpr_at_fprs, fprs=grid)})[""]
    return Band.of(grid, [Estimate(float(v[0]), v[1:], len(scores)) for v in tprs.T])


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of (items,) values under (replicates, items) weights; NaN where all weights are 0."""
    return ratio_or_nan(weights @ np.asarray(values, dtype=float), weights.sum(axis=1, dtype=float))
