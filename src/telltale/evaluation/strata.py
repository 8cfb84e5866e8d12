"""Members and held-out records that differ in kind: what an attack finds among records that look alike without a model.

A detector that never asks the model scores each record by how much it looks like a member. Within a stratum of that
score members and others look alike, so an attack that ranks them there has it from the model. What differs within a
stratum still is weighted away by overlap weights (Li, Morgan & Zaslavsky, JASA 2018): with p the probability that a
record is a member given the detector's score, a member counts 1 − p and another record p, so that both sides weigh
alike wherever the score is. The AUC over strata takes each by its pairs (van Elteren 1960):

    A = Σ_s W_s A_s / Σ_s W_s,   W_s = Σ of the weights of pairs,   A_s = Σ w_i w_j [s_i > s_j] / W_s, ties half
"""

from __future__ import annotations

import numpy as np

from telltale.evaluation.statistics import Estimate, Resampling

NO_MODEL = "no_model"  # name of the evidence of a detector that never asks the model
AMONG_ALIKE = "auc_among_alike"
STRATA = 10
LEAST = 20  # records a stratum
STEPS = 25  # of Newton, which takes about six


def strata_of(scores: np.ndarray, strata: int = STRATA) -> np.ndarray:
    """Cut records into strata of equal size by a detector's score, (points,) -> (points,) int; ties stay together.

    >>> strata_of(np.arange(60.0), 3).tolist() == [0] * 20 + [1] * 20 + [2] * 20
    True
    """
    number = max(1, min(strata, len(scores) // LEAST))
    edges = np.quantile(scores, np.arange(1, number) / number)
    return np.searchsorted(edges, scores, side="right")


def overlap_weights(scores: np.ndarray, membership: np.ndarray) -> np.ndarray:
    """Return the overlap weight of each record, (points,): 1 − p of members, p of others, by a logistic fit of p.

    scores: (points,) of a detector; membership: (points,) bool.
    """
    from scipy.special import expit

    spread = scores.std()
    design = np.stack([np.ones(len(scores)), (scores - scores.mean()) / (spread if spread > 0 else 1)], 1)
    truth, fitted = membership.astype(float), np.zeros(2)
    ridge = 1e-3 * np.eye(2)
    for _ in range(STEPS):
        p = expit(design @ fitted)
        gradient = design.T @ (truth - p) - ridge @ fitted
        step = np.linalg.solve((design.T * (p * (1 - p))) @ design + ridge, gradient)
        fitted = fitted + step
        if np.abs(step).max() < 1e-8:
            break
    p = expit(design @ fitted)
    return np.where(membership, 1 - p, p)


def told_apart(area: Estimate) -> bool:
    """Tell whether a detector that never asks the model tells members from others: surely, or without a fault.

    Of few groups an area of 1 has an interval that reaches below one half, and is no ground for calling them alike.
    """
    return area.low > 0.5 or area.value == 1


def within_strata(
    scores: np.ndarray,
    membership: np.ndarray,
    strata: np.ndarray,
    plan: Resampling,
    weights: np.ndarray | None = None,
) -> dict[str, Estimate]:
    """Measure the AUC among records of equal strata, over all victims: (victims, points) scores and truth.

    weights: (points,) of records; None = all alike. Empty where no stratum has both kinds.
    """
    value, pairs, influence = 0.0, 0.0, np.zeros(scores.shape)
    compared = np.zeros(scores.shape, bool)
    counted = np.broadcast_to(np.ones(scores.shape[1]) if weights is None else weights, scores.shape)
    for stratum in np.unique(strata):
        here = strata == stratum
        truth, weight = membership[:, here], counted[:, here]
        size = float(weight[truth].sum() * weight[~truth].sum())
        if not size:
            continue
        area, moved = weighted_auc_influence(np.ravel(scores[:, here]), np.ravel(truth), np.ravel(weight))
        value, pairs = value + size * area, pairs + size
        compared[:, here] = True
        influence[:, here] = size * moved.reshape(truth.shape)
    if not pairs:
        return {}
    values = plan.sums(influence / pairs)
    values[0] = 0
    note = f"in {len(np.unique(strata))} strata of records that look alike without the model"
    return {
        AMONG_ALIKE: plan.estimate(
            value / pairs + values, scores.size, note, limits=(0.0, 1.0), rarer=plan.rarer(membership, compared)
        )
    }


def weighted_auc_influence(scores: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the AUC of weighted records and each one's influence on it, (items,): as `auc_influence`, with weights.

    >>> value, influence = weighted_auc_influence(np.array([3, 1, 2]), np.array([True, True, False]), np.ones(3))
    >>> value, influence.tolist()
    (0.5, [0.25, -0.25, 0.0])
    """
    placement, totals = np.empty(len(scores)), {}
    for side in (True, False):
        of, against = positives == side, positives != side
        order = np.argsort(scores[against], kind="stable")
        ordered, mass = scores[against][order], np.concatenate([[0.0], np.cumsum(weights[against][order])])
        low, high = (np.searchsorted(ordered, scores[of], side=end) for end in ("left", "right"))
        below = (mass[low] + mass[high]) / (2 * mass[-1])
        placement[of] = below if side else 1 - below
        totals[side] = weights[of].sum()
    value = float(np.average(placement[positives], weights=weights[positives]))
    return value, weights * (placement - value) / np.where(positives, totals[True], totals[False])
