"""What one record more adds to a metric of a ranking, to first order: with it an interval needs no ranking drawn anew.

ψ of an item, its influence, is what its weight, one more, would add; a metric under weights w is about its value +
Σ (w - 1) ψ. The influences on a metric sum to 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from telltale.evaluation.ranking import Ranked, rankings
from telltale.evaluation.ranks import average_ranks

WINDOW = 0.5  # of a false-positive rate: so far to both sides reaches the slope of the ROC curve there
LEAST = 5  # negatives on either side, at least


def auc_influence(scores: np.ndarray, positives: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the AUC and each item's influence on it, (items,); NaN if a class is empty.

    ψ = (share of negatives below it - AUC) / positives for a positive, (share of positives above it - AUC) / negatives
    for a negative, ties half: the placement values of DeLong et al. 1988 (doi 10.2307/2531595).

    >>> value, influence = auc_influence(np.array([3, 1, 2]), np.array([True, True, False]))
    >>> value, influence.tolist()
    (0.5, [0.25, -0.25, 0.0])
    """
    truth = np.asarray(positives, dtype=bool)
    number = np.array([(~truth).sum(), truth.sum()])
    if not number.all():
        return float("nan"), np.full(len(truth), np.nan)
    ranks, placement = average_ranks(scores), np.empty(len(truth))
    placement[truth] = (ranks[truth] - average_ranks(scores[truth])) / number[0]
    placement[~truth] = 1 - (ranks[~truth] - average_ranks(scores[~truth])) / number[1]
    value = float(placement[truth].mean())
    return value, (placement - value) / number[truth.astype(int)]


def tpr_influence(
    scores: np.ndarray, positives: np.ndarray, fprs: np.ndarray
) -> tuple[np.ndarray, Callable[[slice], np.ndarray]]:
    """Return the largest TPR with FPR <= each of `fprs`, and what gives the influences of some items, (items, rates).

    ψ = (called - TPR) / positives for a positive, - slope (called - FPR) / negatives for a negative, called = above the
    threshold: a negative more above it moves it up, and the TPR down, by the slope of the ROC curve, which is taken
    from FPR / 2 to 3 FPR / 2, or as far as `LEAST` negatives reach. Of scores with few levels, whose threshold stays or
    leaps, the spread is rather too large. NaN if a class is empty.
    """
    truth, fprs = np.asarray(positives, dtype=bool), np.asarray(fprs, dtype=float)
    (ranked,) = rankings(scores, truth, np.ones((1, len(scores)), dtype=int))
    ordered = np.unique(np.asarray(scores, dtype=float))[::-1]
    inside, outside = int(truth.sum()), int((~truth).sum())
    if not inside or not outside:
        return np.full(len(fprs), np.nan), lambda part: np.full((len(truth[part]), len(fprs)), np.nan)

    def reached(most: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return how many distinct scores, negatives and positives stand where so many negatives are allowed."""
        depth = np.searchsorted(ranked.false[0], np.floor(most + 1e-6), side="right")
        false, true = (np.pad(side[0], (1, 0))[depth] for side in (ranked.false, ranked.true))
        return depth, false, true

    allowed = fprs * outside
    half = np.maximum(WINDOW * allowed, LEAST)
    depth, false, true = reached(allowed)
    _, false_low, true_low = reached(np.maximum(allowed - half, 0))
    _, false_high, true_high = reached(np.minimum(allowed + half, outside))
    slope = (true_high - true_low) / inside / np.maximum((false_high - false_low) / outside, 1 / outside)
    above, below = (  # ψ of what is called and of what is not, of a negative and of a positive: (2, rates)
        np.stack([slope * (false / outside - called) / outside, (called - true / inside) / inside])
        for called in (True, False)
    )
    positive, place = truth.astype(int), np.searchsorted(-ordered, -np.asarray(scores, dtype=float))

    def of_items(part: slice) -> np.ndarray:
        return np.where(place[part, None] < depth, above[positive[part]], below[positive[part]])

    return true / inside, of_items


def best_threshold(scores: np.ndarray, positives: np.ndarray) -> tuple[float, float]:
    """Return the largest (TPR + TNR) / 2 of any threshold and the lowest score that is called then; inf: none is."""
    (ranked,) = rankings(scores, positives, np.ones((1, len(scores)), dtype=int))
    value = float(Ranked.best_balanced_accuracy(ranked)[0])
    gain = ranked.true[0] / max(1, ranked.true[0, -1]) - ranked.false[0] / max(1, ranked.false[0, -1])
    best = int(np.argmax(gain))
    return value, float(np.unique(scores)[::-1][best]) if gain[best] > 0 else float("inf")
