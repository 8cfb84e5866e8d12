"""Members told from other texts by their words alone: a detector that never asks a model, for texts dealt by chance.

If it beats chance, the two kinds of texts differ, and no success rate on them is memory. It is trained when the truth
is open: on half of the texts, and it judges the other half.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.data.seeds import derive
from telltale.data.texts.records import END, TextRecords
from telltale.evaluation.no_model import groups_of_each_side
from telltale.evaluation.ranks import average_ranks
from telltale.evidence import CanaryScores, MembershipScores

BAG_OF_WORDS = "bag_of_words"  # name of its evidence, a control
HALVES = 2
REGULARISATION = 1.0  # C of the logistic regression, on rows of length 1


def by_words(challenge: Any, membership: np.ndarray, target: object, seed: int) -> dict[str, MembershipScores]:
    """Return the detector's evidence under its name; nothing where the challenge is no texts, or the target no scores.

    membership: (victims, points) bool. Coins of canaries tell nothing of each other, and need no such control.
    """
    if not isinstance(challenge, TextRecords) or not isinstance(target, MembershipScores):
        return {}
    if isinstance(target, CanaryScores):
        return {}
    scores = detected(challenge.tokens, challenge.vocabulary, membership, challenge.groups, seed)
    return {} if scores is None else {BAG_OF_WORDS: MembershipScores(scores, alone=scores)}


def detected(
    tokens: np.ndarray, vocabulary: int, membership: np.ndarray, groups: np.ndarray, seed: int
) -> np.ndarray | None:
    """Score each text by a detector that saw neither it nor any text of its group: (victims, points) in (0, 1).

    tokens: (points, context); groups: (points,). A score is the rank among the texts that the same detector judges, so
    that the two halves compare. Halves have as many members as others, as far as groups allow: else a half with more
    members leaves fewer to the other one, which a detector would take for a rule. None where a victim's members or
    others are too few to be in both halves, or groups so large that a half has but one side.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    if min(min(groups_of_each_side(row, groups)) for row in membership) < HALVES:
        return None
    bags, scores = bags_of(tokens, vocabulary), np.empty(membership.shape)
    for victim, row in enumerate(membership):
        if victim % 2 and np.array_equal(row, ~membership[victim - 1]):
            scores[victim] = 1 - scores[victim - 1]  # told from the others by the same detector, the other way round
            continue
        folds = StratifiedGroupKFold(HALVES, shuffle=True, random_state=derive(seed, "halves", victim))
        for learn, judge in folds.split(bags, row, groups):
            if row[learn].all() or not row[learn].any():
                return None
            detector = LogisticRegression(C=REGULARISATION, solver="liblinear", random_state=0)
            odds = detector.fit(bags[learn], row[learn]).decision_function(bags[judge])
            scores[victim, judge] = (average_ranks(odds) - 0.5) / len(judge)
    return scores


def bags_of(tokens: np.ndarray, vocabulary: int) -> Any:
    """Count each text's tokens, in rows of length 1: (points, vocabulary) sparse; START, END and PAD are no words."""
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import normalize

    row, place = np.nonzero(tokens > END)
    counts = csr_matrix((np.ones(len(row)), (row, tokens[row, place])), shape=(len(tokens), vocabulary))
    return normalize(counts)
