"""Members and held-out records that differ in kind: what an attack finds among records that look alike without a model.

A detector that never asks the model scores each record by how much it looks like a member. Within a stratum of that
score members and others look alike, so an attack that ranks them there has it from the model. The AUC over strata
weighs each by its pairs of a member and another record (Mann-Whitney, stratified: van Elteren 1960):

    A = Σ_s n_s m_s A_s / Σ_s n_s m_s,   n_s members and m_s others in stratum s
"""

from __future__ import annotations

import numpy as np

from telltale.evaluation.influence import auc_influence
from telltale.evaluation.statistics import Estimate, Resampling

NO_MODEL = "no_model"  # name of the evidence of a detector that never asks the model
AMONG_ALIKE = "auc_among_alike"
STRATA = 10
LEAST = 20  # records a stratum


def strata_of(scores: np.ndarray, strata: int = STRATA) -> np.ndarray:
    """Cut records into strata of equal size by a detector's score, (points,) -> (points,) int; ties stay together.

    >>> strata_of(np.arange(60.0), 3).tolist() == [0] * 20 + [1] * 20 + [2] * 20
    True
    """
    number = max(1, min(strata, len(scores) // LEAST))
    edges = np.quantile(scores, np.arange(1, number) / number)
    return np.searchsorted(edges, scores, side="right")


def within_strata(
    scores: np.ndarray, membership: np.ndarray, strata: np.ndarray, plan: Resampling
) -> dict[str, Estimate]:
    """Measure the AUC among records of equal strata, over all victims: (victims, points) scores and truth.

    Empty where no stratum has both kinds.
    """
    value, pairs, influence = 0.0, 0, np.zeros(scores.shape)
    for stratum in np.unique(strata):
        here = strata == stratum
        truth = membership[:, here]
        weight = int(truth.sum()) * int((~truth).sum())
        if not weight:
            continue
        area, moved = auc_influence(np.ravel(scores[:, here]), np.ravel(truth))
        value, pairs = value + weight * area, pairs + weight
        influence[:, here] = weight * moved.reshape(truth.shape)
    if not pairs:
        return {}
    values = plan.sums(influence / pairs)
    values[0] = 0
    note = f"in {len(np.unique(strata))} strata of records that look alike without the model"
    return {AMONG_ALIKE: plan.estimate(value / pairs + values, scores.size, note, limits=(0.0, 1.0))}
