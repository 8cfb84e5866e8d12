"""Metrics of one ranking of all victims' answers, under every bootstrap of a plan.

A ranking of many victims is cut into bins, whose weights are products of sparse matrices; nothing is sorted or
cumulated record by record for a replicate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from telltale.evaluation.ranking import Metric, Ranked, measure
from telltale.evaluation.statistics import Resampling

EXACT = 2048  # distinct scores up to which no two are put into one bin
FINE = 8  # a bin's records are a quarter of the root of those ranked above: 1/200 of what chance makes of them
ROWS = 250  # replicates handled at once


def measure_pooled(
    scores: np.ndarray, positives: np.ndarray, plan: Resampling, metrics: Mapping[str, Metric]
) -> dict[str, np.ndarray]:
    """Measure several metrics of one ranking of (victims, points) scores: each (1 + components B, …).

    Row 0, the data as it is, is exact, and so is all of one component. ValueError if a score is NaN.
    """
    items, truth = np.ravel(scores), np.ravel(positives).astype(bool)
    if plan.components == 1:
        drawn = np.concatenate([np.ones((1, plan.clusters), plan.cluster_draws.dtype), plan.cluster_draws])
        return measure(items, truth, np.tile(drawn, (1, plan.victims)), metrics)
    parts = {name: [value] for name, value in measure(items, truth, np.ones((1, len(items)), int), metrics).items()}
    for ranked in _resampled(bins_of(items, truth), truth, plan):
        for name, metric in metrics.items():
            parts[name].append(metric(ranked))
    return {name: np.concatenate(values) for name, values in parts.items()}


def auc_influence(scores: np.ndarray, positives: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the AUC and each item's influence on it, (items,): what its weight, one more, would add, to first order.

    ψ = (share of negatives below it - AUC) / positives for a positive, (share of positives above it - AUC) / negatives
    for a negative, ties half: the placement values of DeLong et al. 1988 (doi 10.2307/2531595). They sum to 0. NaN if
    a class is empty.

    >>> value, influence = auc_influence(np.array([3, 1, 2]), np.array([True, True, False]))
    >>> value, influence.tolist()
    (0.5, [0.25, -0.25, 0.0])
    """
    from scipy.stats import rankdata

    truth = np.asarray(positives, dtype=bool)
    number = np.array([(~truth).sum(), truth.sum()])
    if not number.all():
        return float("nan"), np.full(len(truth), np.nan)
    ranks, placement = rankdata(scores), np.empty(len(truth))
    placement[truth] = (ranks[truth] - rankdata(scores[truth])) / number[0]
    placement[~truth] = 1 - (ranks[~truth] - rankdata(scores[~truth])) / number[1]
    value = float(placement[truth].mean())
    return value, (placement - value) / number[truth.astype(int)]


def bins_of(scores: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Return the bin of each item, 0 = best: (items,). Equal scores share one, and so do neighbours far down."""
    order = np.argsort(-scores, kind="stable")
    ordered, true = scores[order], np.cumsum(positives[order])
    ends = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    if len(ends) > EXACT:
        depth = np.stack([true, np.arange(1, len(true) + 1) - true])[:, ends]
        steps = np.floor(FINE * np.sqrt(depth))
        ends = ends[np.concatenate([(np.diff(steps) > 0).any(axis=0), [True]])]
    bins = np.empty(len(scores), dtype=np.int64)
    bins[order] = np.searchsorted(ends, np.arange(len(scores)))
    return bins


def _resampled(bins: np.ndarray, truth: np.ndarray, plan: Resampling) -> Iterator[Ranked]:
    """Rank the bins under groups', clusters' and cells' draws, some replicates at a time, in order."""
    from scipy.sparse import csr_matrix

    victim, cluster = np.divmod(np.arange(len(bins)), plan.clusters)
    group, height = plan.group_of[victim], int(bins.max()) + 1

    def table(unit: np.ndarray, width: int, chosen: np.ndarray) -> csr_matrix:
        """Count (2 bins, units): positives of each bin above, negatives of each below."""
        rows = np.where(truth, bins, height + bins)[chosen]
        ones = np.ones(len(rows), dtype=np.int32)
        return csr_matrix((ones, (rows, unit[chosen])), shape=(2 * height, width))

    everything = np.ones(len(bins), dtype=bool)
    assert plan.group_draws is not None
    bootstraps = [
        [(table(group, plan.groups, everything), plan.group_draws)],
        [(table(cluster, plan.clusters, everything), plan.cluster_draws)],
        [(table(cluster, plan.clusters, group == g), plan.cells(g)) for g in range(plan.groups)],
    ]
    for parts in bootstraps:
        for at in range(0, plan.replicates, ROWS):
            counts = np.zeros((2 * height, len(plan.cluster_draws[at : at + ROWS])), dtype=np.int32)
            for counted, drawn in parts:
                counts += counted @ np.ascontiguousarray(drawn[at : at + ROWS].T, dtype=np.int32)
            both = np.cumsum(counts.reshape(2, height, -1), axis=1, dtype=np.int32)
            yield Ranked(*(np.ascontiguousarray(side.T) for side in both))
