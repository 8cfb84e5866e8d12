"""Decision thresholds, fixed on shadow models and never on the target."""

from __future__ import annotations

import numpy as np


def best_threshold(scores: np.ndarray, members: np.ndarray) -> float:
    """Return the score t at which "score >= t is a member" has the largest balanced accuracy.

    scores: any shape, float; members: the same shape, bool. The smallest such t among the scores, as Song & Mittal's
    code has it; -inf where a class is missing.
    """
    scores, members = np.ravel(scores), np.ravel(members).astype(bool)
    positives, negatives = members.sum(), (~members).sum()
    if not positives or not negatives:
        return -np.inf
    order = np.argsort(scores, kind="stable")
    ranked, inside = scores[order], members[order]
    # at threshold ranked[i], everything from i on is called a member; of tied scores the first counts
    below_in = np.concatenate([[0], np.cumsum(inside)[:-1]])
    below_out = np.arange(len(ranked)) - below_in
    accuracy = (1 - below_in / positives + below_out / negatives) / 2
    first_of_tie = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    return float(ranked[np.argmax(np.where(first_of_tie, accuracy, -1))])


def class_thresholds(scores: np.ndarray, members: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return one best threshold a class (Song & Mittal 2021, section 3.3): (classes,).

    scores, members: (models, points); labels: (points,). A class without both kinds gets the overall threshold.
    """
    overall = best_threshold(scores, members)
    by_class = np.array([best_threshold(scores[:, labels == one], members[:, labels == one]) for one in range(classes)])
    return np.where(np.isfinite(by_class), by_class, overall)
