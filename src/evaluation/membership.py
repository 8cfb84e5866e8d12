"""Scores membership guesses against the truth: who was in which model.

Victims are pooled into one ranking, as an attacker would publish it, so scores must be comparable between
victims.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from src.evaluation.ranking import Metric, Ranked, balanced_accuracy, measure, roc_band
from src.evaluation.statistics import Band, Estimate, Resampling
from src.evidence import MembershipScores

FALSE_POSITIVE_RATES = (0.001, 0.01, 0.05)


def score_membership(evidence: MembershipScores, membership: np.ndarray, resampling: Resampling) -> dict[str, Estimate]:
    """Score guesses against membership (victims, points) bool: AUC, TPR at low FPR, balanced accuracy.

    resampling: over points (one victim), or over victims and points; balanced accuracy only where the
    attack has a threshold. ValueError if a shape does not fit.
    """
    scores, truth, weights = _pooled(evidence, membership, resampling)
    metrics: dict[str, Metric] = {"auc": Ranked.auc}
    metrics |= {f"tpr_at_fpr_{fpr}": partial(Ranked.tpr_at_fpr, fpr=fpr) for fpr in FALSE_POSITIVE_RATES}
    negatives = int((~truth).sum())
    notes = {f"tpr_at_fpr_{fpr}": _caution(fpr, negatives) for fpr in FALSE_POSITIVE_RATES}
    values = measure(scores, truth, weights, metrics)
    if evidence.threshold is not None:
        values["balanced_accuracy"] = balanced_accuracy(scores, truth, evidence.threshold, weights)
    return {name: resampling.estimate(v, truth.size, notes.get(name, "")) for name, v in values.items()}


def membership_roc(evidence: MembershipScores, membership: np.ndarray, resampling: Resampling) -> Band:
    """Return the ROC curve over a log grid of FPR, with its pointwise 95 % band."""
    return roc_band(*_pooled(evidence, membership, resampling))


def _pooled(
    evidence: MembershipScores, membership: np.ndarray, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
