"""Scores membership guesses against the truth: who was in which model.

Victims are pooled into one ranking, as an attacker would publish it, so scores must be comparable between
victims; each victim may have its own threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from telltale.evaluation.influence import auc_influence, best_threshold, tpr_influence
from telltale.evaluation.ranking import Metric, Ranked, measure, roc_grid
from telltale.evaluation.statistics import Band, Estimate, Resampling, ratio_or_nan
from telltale.evaluation.totals import Rows
from telltale.evidence import MembershipScores
from telltale.writing import counted

FALSE_POSITIVE_RATES = (0.001, 0.01, 0.05)
OPTIMISTIC = "optimistic: the threshold that is best on the test points themselves, which no attacker knows"


def score_membership(evidence: MembershipScores, membership: np.ndarray, resampling: Resampling) -> dict[str, Estimate]:
    """Score guesses against membership (victims, points) bool: AUC, TPR at low FPR, balanced accuracy.

    resampling: over points (one victim), or over victims and points; `balanced_accuracy` only where the
    attack has a threshold, `best_threshold_balanced_accuracy` always, with a note that it is optimistic.
    ValueError if a shape does not fit or a number is NaN.
    """
    return score_with_roc(evidence, membership, resampling)[0]


def membership_roc(evidence: MembershipScores, membership: np.ndarray, resampling: Resampling) -> Band:
    """Return the ROC curve over a log grid of FPR, with its pointwise 95 % band."""
    return score_with_roc(evidence, membership, resampling)[1]


def score_with_roc(
    evidence: MembershipScores, membership: np.ndarray, resampling: Resampling, counted: np.ndarray | None = None
) -> tuple[dict[str, Estimate], Band]:
    """Return both of the above, which share what takes the time; counted: (victims, points) bool, None = all."""
    scores, truth = _fitting(evidence, membership, resampling)
    every = np.ones(truth.shape, bool) if counted is None else counted
    grid, estimate = roc_grid(truth[every]), partial(resampling.estimate, n=int(every.sum()), limits=(0.0, 1.0))
    parts = {"auc": _area(scores, truth, resampling, every)}
    if evidence.threshold is not None:
        called = scores >= evidence.thresholds(resampling.victims)[:, None]
        parts["balanced_accuracy"] = _decided(called, truth, every)
    fprs = np.concatenate([FALSE_POSITIVE_RATES, grid])
    tprs, best, found = _of_thresholds(scores, truth, resampling, fprs, parts, every)
    distinct = int((~truth & every).any(axis=0).sum())
    rarer = resampling.rarer(truth, every)
    values = {"auc": estimate(found["auc"], rarer=rarer)}
    for fpr, tpr in zip(FALSE_POSITIVE_RATES, tprs, strict=False):
        values[f"tpr_at_fpr_{fpr}"] = estimate(tpr, note=_caution(fpr, distinct), distinct=distinct, rarer=rarer)
    if "balanced_accuracy" in found:
        values["balanced_accuracy"] = estimate(found["balanced_accuracy"], rarer=rarer)
    values["best_threshold_balanced_accuracy"] = estimate(best, note=OPTIMISTIC, rarer=rarer)
    return values, Band.of(grid, [estimate(tpr) for tpr in tprs[len(FALSE_POSITIVE_RATES) :]])


class Part(NamedTuple):
    """A metric by sums over points: what is summed, (victims, points, …), and what comes of the sums."""

    table: np.ndarray | Rows
    finish: Callable[[np.ndarray], np.ndarray]


def _measured(parts: Mapping[str, Part], resampling: Resampling) -> dict[str, np.ndarray]:
    """Return each metric with its replicates; the plan's draws are gone through once for all."""
    sums = resampling.sums_of([part.table for part in parts.values()])
    return {name: part.finish(of) for (name, part), of in zip(parts.items(), sums, strict=True)}


def auc_replicates(scores: np.ndarray, membership: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Return the AUC of all victims' (victims, points) scores with its replicates, (1 + components B,).

    By influence values, which are exact to first order. Of one component they are taken on the scale of the log odds,
    ln A / (1 - A), where the AUC of few records is nearly normal: an interval of the AUC itself is too short near 1.
    """
    return _measured({"auc": _area(scores, membership, resampling)}, resampling)["auc"]


def _area(
    scores: np.ndarray, membership: np.ndarray, resampling: Resampling, counted: np.ndarray | None = None
) -> Part:
    every = np.ones(membership.shape, bool) if counted is None else counted
    influence = np.zeros(membership.shape)
    value, influence[every] = auc_influence(scores[every], membership[every])

    def finish(moved: np.ndarray) -> np.ndarray:
        from scipy.special import expit, logit

        moved[0] = 0
        if resampling.components == 1 and 0 < value < 1:
            replicates: np.ndarray = expit(logit(value) + moved / (value * (1 - value)))
            replicates[0] = value
            return replicates
        return value + moved

    return Part(influence, finish)


def tpr_replicates(
    scores: np.ndarray, membership: np.ndarray, resampling: Resampling, fprs: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Return the TPR at several FPRs of all victims' (victims, points) scores: (rates, 1 + components B)."""
    return _of_thresholds(scores, membership, resampling, np.asarray(fprs))[0]


def _of_thresholds(
    scores: np.ndarray,
    truth: np.ndarray,
    resampling: Resampling,
    fprs: np.ndarray,
    others: Mapping[str, Part] | None = None,
    counted: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return the TPRs and the best balanced accuracy with their replicates: (rates, 1 + components B) and one row.

    One component ranks every replicate anew. Three take influences: groups are few, and drawing some of them twice
    and others not at all moves a threshold far from its place (of four victims, standard errors 1.16 times too large).
    others: metrics that are measured along with these; counted: (victims, points) bool, None = all.
    """
    every = np.ones(truth.shape, bool) if counted is None else counted
    items, positives, others = scores[every], truth[every], others or {}
    if resampling.components == 1:
        drawn = np.concatenate([np.ones((1, resampling.clusters), np.uint16), resampling.cluster_draws])
        metrics: dict[str, Metric] = {"tpr": lambda of: of.tpr_at_fprs(fprs), "best": Ranked.best_balanced_accuracy}
        ranked = measure(items, positives, np.tile(drawn, (1, resampling.victims))[:, every.ravel()], metrics)
        return np.ascontiguousarray(ranked["tpr"].T), ranked["best"], _measured(others, resampling)
    values, influence = tpr_influence(items, positives, fprs)
    best, threshold = best_threshold(items, positives)
    ends = np.concatenate([[0], np.cumsum(every.sum(1))])

    def row(victim: int) -> np.ndarray:
        of_victim = np.zeros((truth.shape[1], len(fprs)))
        of_victim[every[victim]] = influence(slice(ends[victim], ends[victim + 1]))
        return of_victim

    table = Rows((*truth.shape, len(fprs)), row)
    rates = Part(table, lambda sums: sums.T)
    found = _measured({"tpr": rates, "best": _decided(scores >= threshold, truth, every), **others}, resampling)
    moved = found.pop("tpr")
    moved[:, 0] = 0
    of_best = found.pop("best")
    of_best[0] = best
    return values[:, None] + moved, of_best, found


def _decided(called: np.ndarray, truth: np.ndarray, every: np.ndarray) -> Part:
    """(TPR + TNR) / 2 of what is called a member, all (victims, points) bool; every: the points that count."""

    def finish(sums: np.ndarray) -> np.ndarray:
        right_in, inside, right_out, outside = sums.T
        return (ratio_or_nan(right_in, inside) + ratio_or_nan(right_out, outside)) / 2

    outside = ~truth & every
    return Part(np.stack([called & truth & every, truth & every, ~called & outside, outside], axis=-1), finish)


def _fitting(
    evidence: MembershipScores, membership: np.ndarray, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray]:
    shape = (resampling.victims, resampling.clusters)
    for array in (evidence.scores, membership):
        if np.shape(array) != shape:
            raise ValueError(f"shape {np.shape(array)} instead of (victims, points) = {shape}")
    return np.asarray(evidence.scores, dtype=float), np.asarray(membership, dtype=bool)


def _caution(fpr: float, distinct: int) -> str:
    if fpr * distinct >= 10 - 1e-9:
        return ""
    return f"FPR {fpr} of {counted(distinct, 'distinct non-member')} is fewer than 10 records"
