"""Scores membership guesses against the truth: who was in which model.

Victims are pooled into one ranking, as an attacker would publish it, so scores must be comparable between
victims; each victim may have its own threshold.
"""

from __future__ import annotations

import numpy as np

from telltale.evaluation.ranking import Ranked, balanced_accuracy, measure, roc_grid
from telltale.evaluation.statistics import Band, Estimate, Resampling
from telltale.evaluation.weights import Weights
from telltale.evidence import MembershipScores

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
    evidence: MembershipScores, membership: np.ndarray, resampling: Resampling
) -> tuple[dict[str, Estimate], Band]:
    """Return both of the above from one ranking a replicate, which is what takes the time."""
    scores, truth, weights = _pooled(evidence, membership, resampling)
    grid = roc_grid(truth)
    rates = np.concatenate([FALSE_POSITIVE_RATES, grid])
    measured = measure(
        scores,
        truth,
        weights,
        {"auc": Ranked.auc, "tpr": lambda ranked: ranked.tpr_at_fprs(rates), "best": Ranked.best_balanced_accuracy},
    )
    n, negatives, tprs = truth.size, int((~truth).sum()), np.ascontiguousarray(measured["tpr"].T)
    values = {"auc": resampling.estimate(measured["auc"], n)}
    for fpr, tpr in zip(FALSE_POSITIVE_RATES, tprs, strict=False):
        values[f"tpr_at_fpr_{fpr}"] = resampling.estimate(tpr, n, _caution(fpr, negatives))
    if evidence.threshold is not None:
        thresholds = np.repeat(evidence.thresholds(resampling.victims), resampling.clusters)
        accuracies = balanced_accuracy(scores, truth, thresholds, weights)
        values["balanced_accuracy"] = resampling.estimate(accuracies, n)
    values["best_threshold_balanced_accuracy"] = resampling.estimate(measured["best"], n, OPTIMISTIC)
    return values, Band.of(grid, [resampling.estimate(tpr, n) for tpr in tprs[len(FALSE_POSITIVE_RATES) :]])


def _pooled(
    evidence: MembershipScores, membership: np.ndarray, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray, Weights]:
    shape = (resampling.victims, resampling.clusters)
    for array in (evidence.scores, membership):
        if np.shape(array) != shape:
            raise ValueError(f"shape {np.shape(array)} instead of (victims, points) = {shape}")
    weights = resampling.pooled(np.arange(resampling.clusters))
    return np.ravel(evidence.scores), np.ravel(membership).astype(bool), weights


def _caution(fpr: float, negatives: int) -> str:
    if fpr * negatives >= 10:
        return ""
    return f"FPR {fpr} of {negatives} non-members is fewer than 10 records"
