"""How membership scores are shown and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src.evaluation.score import ScoredMembership
from src.evidence import MembershipScores
from src.reporting import figures
from src.reporting.outcome import Outcome
from src.reporting.page import MoleculeCard, PageFigure


def headlines(target: MembershipScores) -> list[str]:
    """Name the metrics that a person reads first."""
    return ["auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.05", "balanced_accuracy"]


def sizes(target: MembershipScores) -> dict[str, int]:
    """Name the sizes that belong in the title."""
    return {"challenge points": target.scores.shape[1]}


def write(target: MembershipScores, outcome: Outcome, folder: Path) -> None:
    """Keep the scores of all evidence, each (victims, points)."""
    scores = {name: one.scores for name, one in outcome.evidence.items() if one is not None}
    np.savez_compressed(folder / "evidence.npz", allow_pickle=False, **scores)


def draw(target: MembershipScores, outcome: Outcome, folder: Path) -> list[PageFigure]:
    """Draw the log-log ROC and the AUC intervals."""
    scored, roles = outcome.scored, outcome.roles
    assert isinstance(scored, ScoredMembership)
    made = {
        "roc": (figures.roc_figure(scored.roc, roles), "ROC with 95 % bands; the diagonal is guessing."),
        "auc": (
            figures.forest({name: one["auc"] for name, one in scored.metrics.items()}, roles, "AUC", 0.5),
            "AUC with 95 % intervals. What controls reach is not memory.",
        ),
    }
    return [
        PageFigure(name, caption, figures.save_png(figure, folder / f"{name}.png"))
        for name, (figure, caption) in made.items()
    ]


def cards(target: MembershipScores, outcome: Outcome) -> list[MoleculeCard]:
    """Return nothing: points are not drawn."""
    return []
