"""How membership in a captioner's training set is shown and kept: scores, and pictures beside what was said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from telltale.data.captions.shown import Shown
from telltale.evaluation.caption_limits import CARRIED
from telltale.evidence import CaptionMembership
from telltale.reporting import membership_view
from telltale.reporting.gallery import Gallery, RecordCard, picture
from telltale.reporting.membership_view import cards, draw
from telltale.reporting.outcome import Outcome
from telltale.reporting.summary import Reading
from telltale.writing import write_table

__all__ = ["cards", "draw", "gallery", "reading", "write"]
SHOWN = 6  # pictures of each of the four groups
TOLD = (
    " Right: of the shapes, colours, sizes, textures, relations, ground and light that a caption tells, those that the "
    "picture shows."
)


def reading(target: CaptionMembership) -> Reading:
    """Say what a person reads first; the attack success rate is the balanced accuracy."""
    headlines = ["balanced_accuracy", "auc", "tpr_at_fpr_0.01", "rouge_l_members", "rouge_l_non_members"]
    brief = ("balanced_accuracy", "auc")
    return replace(membership_view.reading(target), headlines=headlines, brief=brief, data=CARRIED)


def write(target: CaptionMembership, outcome: Outcome, folder: Path) -> None:
    """Keep what every membership attack keeps, and captions.csv: point, member, score, true and generated caption."""
    membership_view.write(target, outcome, folder)
    if not target.captions or outcome.membership is None:
        return
    rows: list[list[object]] = [["victim", "point", "member", "score", "true", "generated"]]
    for victim, captions in enumerate(target.captions):
        inside, scores = outcome.membership[victim], target.scores[victim]
        for point, text in enumerate(captions):
            true = outcome.challenge.references[point][0]
            rows.append([victim, point, int(inside[point]), f"{scores[point]:.6g}", true, text])
    write_table(folder / "captions.csv", rows)


def gallery(target: CaptionMembership, outcome: Outcome) -> Gallery | None:
    """Show pictures of the first victim with true and generated caption: most and least exposed, of both kinds."""
    if not target.captions or outcome.membership is None:
        return None
    scores, members = target.scores[0], outcome.membership[0]
    groups = {
        "member, most exposed": (members, -scores),
        "member, least exposed": (members, scores),
        "non-member, taken for a member": (~members, -scores),
        "non-member, least suspected": (~members, scores),
    }
    chosen = [
        _card(f"{name} #{place}", int(point), target, outcome)
        for name, (side, order) in groups.items()
        for place, point in enumerate(_first(side, order), 1)
    ]
    return Gallery(
        "Pictures, true and generated captions",
        f"The {SHOWN} members and non-members with the highest and the lowest scores. What is said of the most exposed "
        "members is what they were trained with; the same of a non-member would be knowledge, not memory."
        + (TOLD if getattr(outcome.challenge, "shown", None) is not None else ""),
        chosen,
    )


def _first(side: np.ndarray, order: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(side)
    return rows[np.argsort(order[rows], kind="stable")][:SHOWN]


def _card(title: str, point: int, target: CaptionMembership, outcome: Outcome) -> RecordCard:
    true, said = outcome.challenge.references[point], target.captions[0][point]
    facts = {
        "true": " / ".join(true[:2]),
        "generated": said or "(nothing)",
        **_right(said, point, getattr(outcome.challenge, "shown", None)),
        "score": f"{target.scores[0][point]:.3f}",
        "point": str(point),
    }
    return RecordCard(title, "", facts, png=picture(outcome.challenge.images[point]))


def _right(caption: str, point: int, shown: Shown | None) -> dict[str, str]:
    """Count what a caption says that is so; nothing where it is not known what the picture shows."""
    if shown is None:
        return {}
    right, told = shown.take(np.array([point])).judged([caption])[0].tolist()
    return {"right": f"{right} of {told} told" if told else "nothing told"}
