"""How tools read AUC and true-positive rates off the same scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from scripts.peers import leakpro
from scripts.peers.answers import Case
from scripts.peers.comparison import rates
from scripts.peers.formulas import lira
from telltale.data.seeds import generator

Reading = Callable[[np.ndarray, np.ndarray], tuple[float, float, float]]  # AUC, TPR at 1 % and at 0.1 %; NaN: not read
NONE = float("nan")


def readings(tools: frozenset[str]) -> dict[str, Reading]:
    """Return the evaluation of each tool that is at hand, by name; tools: those that were loaded."""
    from sklearn.metrics import roc_auc_score

    found: dict[str, Reading] = {
        "ours": rates,
        "scikit-learn": lambda scores, truth: (float(roc_auc_score(truth, scores)), NONE, NONE),
    }
    if "leakpro" in tools:
        found["LeakPro"] = lambda scores, truth: (leakpro.tied_area(scores, truth), NONE, NONE)
    if "sacroml" in tools:
        from sacroml.metrics import _tpr_at_fpr

        found["sacroml"] = lambda scores, truth: (
            NONE,
            float(_tpr_at_fpr(truth, scores, 1.0)),
            float(_tpr_at_fpr(truth, scores, 0.1)),
        )
    if "jax_privacy" in tools:
        from jax_privacy.auditing import CanaryScoreAuditor

        def by_hull(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
            auditor = CanaryScoreAuditor(scores[truth], scores[~truth])
            area = auditor.attack_auroc()
            return float(area), float(auditor.tpr_at_given_fpr(0.01)), float(auditor.tpr_at_given_fpr(0.001))

        found["jax_privacy, upper hull"] = by_hull
    return found


def table(case: Case, found: Mapping[str, Reading]) -> list[list[str]]:
    """Return head and rows."""
    scores, rng = lira(case), generator(0, "metrics")
    kinds = {
        "LiRA": scores,
        "LiRA, rounded": np.round(scores * 2) / 2,
        "a coin": (rng.random(len(scores)) < 0.5).astype(float),
        "noise": rng.normal(size=len(scores)),
    }
    head = ["AUC, TPR at 1 %, at 0.1 %", *kinds]
    return [head, *([name, *(_cell(read(s, case.truth)) for s in kinds.values())] for name, read in found.items())]


def _cell(values: tuple[float, float, float]) -> str:
    return ", ".join("–" if np.isnan(value) else f"{value:.3f}" for value in values)
