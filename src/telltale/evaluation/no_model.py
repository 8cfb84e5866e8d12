"""How well members are told from held-out records without the model: a detector that learns membership itself.

It is trained when the truth is open, on the records and their labels alone, and cross-fitted: each record is scored by
a detector that saw neither it nor any record of its group. What it reaches is a difference between the two kinds of
records, be it of time, of source or of people, and no memory of the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.evidence import MembershipScores
from telltale.progress import track

FOLDS = 5
FEW = 200  # records, below which trees have nothing to split: a linear detector instead
MOST = 20_000  # records a detector is trained on; of more, a random part


def looks_like_a_member(
    features: np.ndarray, membership: np.ndarray, groups: np.ndarray | None, seed: int
) -> MembershipScores:
    """Score each record by a cross-fitted detector: features (points, width), membership (points,) bool.

    groups: (points,) records of which none is scored by a detector that saw another; None = each for itself.
    """
    from sklearn.model_selection import StratifiedGroupKFold
    from threadpoolctl import threadpool_limits

    groups = np.arange(len(membership)) if groups is None else groups
    scores = np.zeros(len(membership))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed % 2**32)
    with threadpool_limits(1):  # threads of trees that wait for each other take minutes on a busy machine
        for learn, judge in track(folds.split(features, membership, groups), "detector without the model", FOLDS):
            if len(learn) > MOST:
                learn = np.sort(np.random.default_rng(seed).choice(learn, MOST, replace=False))
            if 0 < membership[learn].sum() < len(learn):
                detector = _detector(len(membership), seed).fit(features[learn], membership[learn])
                scores[judge] = detector.predict_proba(features[judge])[:, 1]
    return MembershipScores(scores[None], alone=scores[None])


def _detector(records: int, seed: int) -> Any:
    if records < FEW:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, max_bins=32, random_state=seed % 2**32)
