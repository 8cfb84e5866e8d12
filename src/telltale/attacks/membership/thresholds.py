"""What scores of shadow models teach: where to draw the line, and how well they rank; never of the target."""

from __future__ import annotations

from collections.abc import Sequence

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


def best_thresholds(scores: np.ndarray, members: np.ndarray, outs: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Return `best_threshold` of all models but some, for each of `outs`, models left out: (outs,).

    scores, members: (models, points), the latter bool. Scores are sorted once. To leave few models out moves the gain
    of a threshold by no more than their own points can, so only those are compared that are that close to the best.
    """
    inside, outside = np.sort(scores[members]), np.sort(scores[~members])
    scores_of = [(np.sort(row[one]), np.sort(row[~one])) for row, one in zip(scores, members, strict=True)]
    candidates, first, times = np.unique(inside, return_index=True, return_counts=True)
    below = np.searchsorted(outside, candidates, side="left")
    near: dict[tuple[int, int], np.ndarray] = {}
    found = np.full(len(outs), -np.inf)
    for number, out in enumerate(outs):
        mine, others = (np.concatenate([np.empty(0), *(scores_of[model][side] for model in out)]) for side in (0, 1))
        positives, negatives = len(inside) - len(mine), len(outside) - len(others)
        if not positives or not negatives:
            continue
        if (positives, negatives) not in near:
            gain = below * positives - first * negatives
            close = gain >= gain.max() - len(others) * positives - len(mine) * negatives
            near[positives, negatives] = np.flatnonzero(close)
        chosen = near[positives, negatives]
        values, size = candidates[chosen], len(chosen) + 1
        at = np.searchsorted(values, mine, side="left")
        equal = values[np.minimum(at, size - 2)] == mine
        left = first[chosen] - np.bincount(at + equal, minlength=size).cumsum()[:-1]
        less = below[chosen] - np.bincount(np.searchsorted(values, others, "right"), minlength=size).cumsum()[:-1]
        is_score = times[chosen] > np.bincount(at[equal], minlength=size)[:-1]  # of a member that is not left out
        gain = np.where(is_score, less * positives - left * negatives, np.iinfo(np.int64).min)
        found[number] = values[np.argmax(gain)]
    return found


def class_thresholds(scores: np.ndarray, members: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return one best threshold a class (Song & Mittal 2021, section 3.3): (classes,).

    scores, members: (models, points); labels: (points,). A class without both kinds gets the overall threshold.
    """
    return all_class_thresholds(scores, members, labels, classes, [()])[0]


def all_class_thresholds(
    scores: np.ndarray, members: np.ndarray, labels: np.ndarray, classes: int, outs: Sequence[tuple[int, ...]]
) -> np.ndarray:
    """Return `class_thresholds` of all models but some, for each of `outs`: (outs, classes)."""
    overall = best_thresholds(scores, members, outs)[:, None]
    of_class = [labels == label for label in range(classes)]
    by_class = [best_thresholds(scores[:, points], members[:, points], outs) for points in of_class]
    lines = np.stack(by_class, 1)
    return np.where(np.isfinite(lines), lines, overall)
