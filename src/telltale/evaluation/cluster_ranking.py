"""The metrics of `ranking`, where all records of a cluster weigh the same: no weight of a record is ever written down.

What a ranking finds down to a score is then a product, draws of clusters by counts of each cluster, and the AUC is a
quadratic form in the draws. All are sums of whole numbers, so that each replicate has the very value that `Ranked` has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from operator import methodcaller

import numpy as np

from telltale.evaluation.ranking import sorted_ends
from telltale.evaluation.statistics import ratio_or_nan

FEW = 4  # values that are searched for one by one
EXACT = 2**24  # whole numbers below it, and sums of such, are exact in float32

Metric = Callable[["ClusterRanked"], np.ndarray]


class ClusterRanked:
    """As `Ranked`, of records in clusters.

    scores, positives, index  (items,) score, bool, and cluster of each record
    weights                   (replicates, clusters) whole numbers

    ValueError if a score is NaN.
    """

    def __init__(self, scores: np.ndarray, positives: np.ndarray, index: np.ndarray, weights: np.ndarray) -> None:
        order, ends = sorted_ends(scores)
        positive, cluster = np.asarray(positives, dtype=bool)[order], index[order]
        counts = np.zeros((2, len(order), weights.shape[1]))
        counts[positive.astype(int), np.arange(len(order)), cluster] = 1
        false, true = counts.cumsum(axis=1)
        self.weights = weights.astype(float)
        self._true, self._false = true[ends], false[ends]  # (thresholds, clusters), down to each distinct score
        if not len(order):
            self._true, self._false = np.zeros((2, 1, weights.shape[1]))

    @cached_property
    def _totals(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the weight of all positives, and of all negatives: (replicates,) each."""
        return self.weights @ self._true[-1], self.weights @ self._false[-1]

    def auc(self) -> np.ndarray:
        """P(positive scores above negative) + P(tie) / 2: (replicates,).

        Of four pairs of a positive and a negative, three in order and one a tie:

        >>> positives, clusters = np.array([True, True, False, False]), np.array([0, 1, 0, 1])
        >>> ClusterRanked(np.array([3, 2, 2, 1]), positives, clusters, np.ones((1, 2))).auc()
        array([0.875])
        """
        gained, lost = (np.diff(side, axis=0, prepend=0) for side in (self._true, self._false))
        of_clusters = lost.T @ (2 * self._true - gained)
        pairs = np.einsum("ij,ij->i", self.weights @ of_clusters, self.weights) / 2
        true, false = self._totals
        return ratio_or_nan(pairs, true * false)

    def tpr_at_fpr(self, fpr: float) -> np.ndarray:
        """Return the largest TPR whose false-positive rate is at most `fpr`; no interpolation: (replicates,)."""
        true, false = self._totals
        allowed = fpr * false + 1e-6  # as `Ranked` has it
        reached = self._first(self._false, lambda sums: sums > allowed[:, None], 1)[:, 0]
        hits = self._at(self._true, np.maximum(reached - 1, 0)[:, None])[:, 0]
        return ratio_or_nan(np.where(reached > 0, hits, 0), np.where(false > 0, true, 0))

    def precision_at(self, k: float) -> np.ndarray:
        """Return the share of positives in the top `k`; a tie at the border counts in expectation: (replicates,)."""
        return self.precisions_at(np.array([k]))[:, 0]

    def precisions_at(self, sizes: np.ndarray) -> np.ndarray:
        """Return that share for several lengths of list at once: (sizes,) -> (replicates, sizes)."""
        listed = self._true + self._false
        length = np.minimum(sizes, sum(self._totals)[:, None])  # type: ignore[index]
        border = self._first(listed, lambda sums: sums >= length, len(sizes))
        before = np.maximum(border - 1, 0)
        (hits, hits_next), (taken, taken_next) = (
            (np.where(border > 0, self._at(counts, before), 0), self._at(counts, border))
            for counts in (self._true, listed)
        )
        share = ratio_or_nan(length - taken, taken_next - taken)
        return ratio_or_nan(hits + share * (hits_next - hits), length)

    def base_rate(self) -> np.ndarray:
        """Return the share of positives: the precision of a random ranking, (replicates,)."""
        true, false = self._totals
        return ratio_or_nan(true, true + false)

    def quantile(self, q: float, scores: np.ndarray) -> np.ndarray:
        """Return minus the best score down to which a share q of the weight of the positives lies: (replicates,).

        scores: those that were ranked.
        """
        order, ends = sorted_ends(scores)
        total = self._totals[0]
        first = self._first(self._true, lambda sums: sums >= (q * total - 1e-6)[:, None], 1)[:, 0]
        return np.where(total > 0, -np.asarray(scores, dtype=float)[order][ends][first], np.nan)

    def _at(self, counts: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return the weight down to a threshold: (thresholds, clusters), (replicates, sizes) -> (replicates, sizes)."""
        columns = [np.einsum("ij,ij->i", self.weights, counts[column]) for column in places.T]
        return np.stack(columns, axis=1)

    def _first(self, counts: np.ndarray, holds: Callable[[np.ndarray], np.ndarray], sizes: int) -> np.ndarray:
        """Find the first threshold at which the weight down to it is as asked for: (replicates, sizes).

        holds: of weights, (replicates, sizes); true from some threshold on. The number of thresholds where it never is.
        """
        low = np.zeros((len(self.weights), sizes), int)
        high = np.full_like(low, len(counts))
        whole = self._whole(counts) if sizes > FEW else None
        while (open_ := low < high).any():
            middle = np.minimum((low + high) // 2, len(counts) - 1)
            sums = self._at(counts, middle) if whole is None else np.take_along_axis(whole, middle, axis=1)
            reached = holds(sums)
            high = np.where(open_ & reached, middle, high)
            low = np.where(open_ & ~reached, middle + 1, low)
        return low

    def _whole(self, counts: np.ndarray) -> np.ndarray:
        """Return the weight down to every threshold: (replicates, thresholds)."""
        most = (self.weights @ counts[-1]).max(initial=0)
        kind = np.float32 if most < EXACT else np.float64
        return self.weights.astype(kind) @ counts.T.astype(kind)


def measure_by_cluster(
    scores: np.ndarray, positives: np.ndarray, index: np.ndarray, weights: np.ndarray, metrics: Mapping[str, Metric]
) -> dict[str, np.ndarray]:
    """Measure several metrics of one ranking, each (replicates, …); NaN throughout if there is no item."""
    ranked = ClusterRanked(scores, positives, index, weights)
    return {name: metric(ranked) for name, metric in metrics.items()}


def quantile_by_cluster(values: np.ndarray, q: float, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the smallest value with at least a share q of the weight at or below it: (items,) -> (replicates,).

    >>> quantile_by_cluster(np.array([10, 20, 30]), 0.5, np.arange(3), np.array([[1, 1, 1], [3, 1, 1]]))
    array([20., 10.])
    """
    return ClusterRanked(-values, np.ones(len(values), bool), index, weights).quantile(q, -values)


AUC: Metric = methodcaller("auc")
