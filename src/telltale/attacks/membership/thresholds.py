"""What scores of shadow models teach: where to draw the line, and how well they rank; never of the target."""

from __future__ import annotations

import numpy as np


def best_threshold(scores: np.ndarray, members: np.ndarray) -> float:
    """Return the score t at which "score >= t is a member" has the largest balanced accuracy.

    scores: any shape, float; members: the same shape, bool. The smallest such t among the scores, as Song & Mittal's
    code has it; -inf where a class is missing. Accuracies are compared as whole numbers: as floats, equal ones differ.

    >>> best_threshold(np.arange(6.0), np.array([0, 1, 0, 1, 0, 1]))  # 1, 3 and 5 all reach 2/3
    1.0
    """
    scores, members = np.ravel(scores), np.ravel(members).astype(bool)
    positives, negatives = int(members.sum()), int((~members).sum())
    if not positives or not negatives:
        return -np.inf
    # Only a member's score can be the best: from a t that no member has to the next score, a non-member more is right.
    inside, outside = np.sort(scores[members]), np.sort(scores[~members])
    first = np.flatnonzero(np.concatenate([[True], inside[1:] != inside[:-1]]))  # of tied scores
    # balanced accuracy = (1 + outside below / negatives - inside below / positives) / 2, times both counts
    gain = np.searchsorted(outside, inside[first], side="left") * positives - first * negatives
    return float(inside[first[np.argmax(gain)]])


def areas(scores: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Area under each model's ROC curve, ties counted half, 0.5 where a class is missing: (models,).

    scores, members: (models, points), the latter bool.

    >>> areas(np.array([[1.0, 2, 2, 3]]), np.array([[False, False, True, True]]))  # 3.5 of 4 pairs
    array([0.875])
    """
    found = np.full(len(scores), 0.5)
    for model, (row, inside) in enumerate(zip(scores, members, strict=True)):
        positives, negatives = np.sort(row[inside]), np.sort(row[~inside])
        if len(positives) and len(negatives):
            below = np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")
            found[model] = below.sum() / (2 * len(positives) * len(negatives))
    return found


def class_thresholds(scores: np.ndarray, members: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return one best threshold a class (Song & Mittal 2021, section 3.3): (classes,).

    scores, members: (models, points); labels: (points,). A class without both kinds gets the overall threshold.
    """
    overall = best_threshold(scores, members)
    of_class = [labels == label for label in range(classes)]
    by_class = np.array([best_threshold(scores[:, points], members[:, points]) for points in of_class])
    return np.where(np.isfinite(by_class), by_class, overall)
