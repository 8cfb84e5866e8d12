"""How membership scores are shown and kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from telltale.evaluation.canary_audit import ALL_MODELS, F_DP_ALL_MODELS, ONE_RUN
from telltale.evaluation.score import ScoredMembership
from telltale.evaluation.secrets import ABSENT, COPIES, EXPOSURE
from telltale.evidence import CanaryScores, MembershipScores, SecretScores
from telltale.reporting import figures
from telltale.reporting.drawing import drawn, estimates_of
from telltale.reporting.gallery import Gallery, exposed_members, exposed_records, write_exposure, write_points
from telltale.reporting.outcome import Outcome
from telltale.reporting.page import MoleculeCard, PageFigure
from telltale.reporting.picture_sheet import picture_rows
from telltale.reporting.summary import Reading


def reading(target: MembershipScores) -> Reading:
    """Say what a person reads first."""
    victims, points = target.scores.shape
    headlines = ["auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "balanced_accuracy"]
    brief = ["auc", "tpr_at_fpr_0.01"]
    if isinstance(target, CanaryScores):
        bounds = [ONE_RUN, ALL_MODELS, F_DP_ALL_MODELS]
        headlines, brief = [*bounds, "auc", "tpr_at_fpr_0.01"], [*bounds, "auc"]
    if isinstance(target, SecretScores):
        by_copies = [f"{COPIES}{number}" for number in np.unique(target.copies)]
        headlines, brief = [EXPOSURE, *by_copies, ABSENT, *headlines], [EXPOSURE, ABSENT, *brief]
    return Reading(
        headlines=headlines,
        brief=brief,
        sizes={"challenge points": points} | ({"models": victims} if victims > 1 else {}),
        resampled="points",
        queries="queries per victim and point",
        shared_by=max(1, target.scores.size),
    )


def write(target: MembershipScores, outcome: Outcome, folder: Path) -> None:
    """Keep the scores of all evidence, its thresholds and the truth, and how exposed each point is."""
    arrays: dict[str, np.ndarray] = {name: np.asarray(guess.scores) for name, guess in outcome.present.items()}
    arrays |= {
        f"threshold_{name}": np.asarray(guess.threshold)
        for name, guess in outcome.present.items()
        if guess.threshold is not None
    }
    if outcome.membership is not None:
        arrays["membership"] = outcome.membership
    if outcome.ids is not None:
        arrays["ids"] = np.array(outcome.ids.tolist(), dtype=str)
    np.savez_compressed(folder / "evidence.npz", allow_pickle=False, **arrays)
    if len(target.scores) > 1:
        write_exposure(_scored(outcome).exposure, outcome.challenge, folder / "exposure.csv", outcome.ids)
    elif outcome.ids is not None and outcome.membership is not None:
        write_points(
            outcome.evidence[outcome.shown].scores[0],
            outcome.membership[0],
            outcome.ids,
            outcome.challenge,
            folder / "exposure.csv",
        )


def draw(target: MembershipScores, outcome: Outcome, folder: Path) -> list[PageFigure]:
    """Draw the log-log ROC, the AUC intervals and, where the truth is at hand, the scores of both groups."""
    scored, roles = _scored(outcome), outcome.titled(outcome.roles)
    made = {
        "roc": (
            partial(figures.roc_figure, outcome.titled(scored.roc), roles),
            "ROC with 95 % bands; the diagonal is guessing.",
        ),
        "auc": (
            partial(figures.forest, outcome.titled(estimates_of("auc", scored)), roles, "AUC", 0.5),
            "AUC with 95 % intervals. What controls reach is not memory.",
        ),
    }
    if outcome.membership is not None:
        title, names = "Scores of members and non-members", ("non-members", "members")
        over = " over all victims" if len(target.scores) > 1 else ""
        made["scores"] = (
            partial(figures.score_histograms, target.scores, outcome.membership, title=title, names=names, trim=0.025),
            f"Scores of {outcome.title}{over}; the outermost bins hold the 2.5 % beyond either end.",
        )
    pictures = {name: records.pixels for name, records in outcome.examples.items() if records.kind == "images"}
    if pictures:
        made["twins"] = (
            partial(picture_rows, pictures, "Records and what the model was trained on instead"),
            "Some of the first victim's records, what is decoded without noise, and the twins that stood in for them.",
        )
    return drawn(made, folder, outcome.kept)


def cards(target: MembershipScores, outcome: Outcome) -> list[MoleculeCard]:
    """Return nothing: no molecule was extracted."""
    return []


def gallery(target: MembershipScores, outcome: Outcome) -> Gallery | None:
    """Show the most exposed records of several victims, or of one its highest-scored members."""
    if len(target.scores) > 1:
        return exposed_records(_scored(outcome).exposure, outcome.challenge, outcome.ids)
    if outcome.membership is None:
        return None
    scores = outcome.evidence[outcome.shown].scores[0]
    by = outcome.title if outcome.shown == "target" else outcome.shown
    return exposed_members(scores, outcome.membership[0], outcome.challenge, outcome.ids, by)


def _scored(outcome: Outcome) -> ScoredMembership:
    assert isinstance(outcome.scored, ScoredMembership)
    return outcome.scored
