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
    order = np.argsort(scores, kind="stable")
    ranked, inside = scores[order], members[order]
    # at threshold ranked[i], everything from i on is called a member; of tied scores the first counts
    below_in = np.concatenate([[0], np.cumsum(inside)[:-1]])
    below_out = np.arange(len(ranked)) - below_in
    first_of_tie = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    # balanced accuracy = (1 + below_out / negatives - below_in / positives) / 2, times both counts
    gain = below_out * positives - below_in * negatives
    return float(ranked[first_of_tie][np.argmax(gain[first_of_tie])])


def areas(scores: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Area under each model's ROC curve, ties counted half, 0.5 where a class is missing: (models,).

    scores, members: (models, points), the latter bool.

    >>> areas(np.array([[1.0, 2, 2, 3]]), np.array([[False, False, True, True]]))  # 3.5 of 4 pairs
    array([0.875])
    """
    from scipy.stats import rankdata

    positives, negatives = members.sum(1), (~members).sum(1)
    wins = (rankdata(scores, axis=1) * members).sum(1) - positives * (positives + 1) / 2
    pairs = positives * negatives
    return np.divide(wins, pairs, out=np.full(len(scores), 0.5), where=pairs > 0)


def class_thresholds(scores: np.ndarray, members: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return one best threshold a class (Song & Mittal 2021, section 3.3): (classes,).

    scores, members: (models, points); labels: (points,). A class without both kinds gets the overall threshold.
    """
    overall = best_threshold(scores, members)
    of_class = [labels == label for label in range(classes)]
    by_class = np.array([best_threshold(scores[:, points], members[:, points]) for points in of_class])
    return np.where(np.isfinite(by_class), by_class, overall)
