"""How scores of ranges are shown and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from telltale.evidence import RangeScores
from telltale.reporting import membership_view
from telltale.reporting.gallery import Gallery
from telltale.reporting.outcome import Outcome
from telltale.reporting.page import MoleculeCard, PageFigure
from telltale.reporting.summary import Reading
from telltale.writing import write_table


def reading(target: RangeScores) -> Reading:
    """Say what a person reads first."""
    victims, ranges = target.scores.shape
    return replace(
        membership_view.reading(target),
        sizes={"ranges": ranges} | ({"models": victims} if victims > 1 else {}),
        resampled="ranges",
        queries="queries per victim and range",
    )


def write(target: RangeScores, outcome: Outcome, folder: Path) -> None:
    """Keep the scores of all evidence, which points lie in which range, who is in which model, and what each range is.

    evidence.npz: a table a name (victims, ranges), `inside` (ranges, points), `membership` (victims, points);
    ranges.csv: a line a range, with the points in it and its scores in each victim.
    """
    arrays: dict[str, np.ndarray] = {name: np.asarray(guess.scores) for name, guess in outcome.present.items()}
    arrays |= {
        f"threshold_{name}": np.asarray(guess.threshold)
        for name, guess in outcome.present.items()
        if guess.threshold is not None
    }
    if outcome.membership is not None:
        arrays["membership"] = outcome.membership
    np.savez_compressed(folder / "evidence.npz", allow_pickle=False, inside=target.inside, **arrays)
    victims = range(len(target.scores))
    head: list[object] = ["range", "points", *(f"score_{victim}" for victim in victims)]
    lines = [
        [name, " ".join(map(str, np.flatnonzero(points))), *(f"{score:.6g}" for score in scores)]
        for name, points, scores in zip(target.names, target.inside, target.scores.T, strict=True)
    ]
    write_table(folder / "ranges.csv", [head, *lines])


def draw(target: RangeScores, outcome: Outcome, folder: Path) -> list[PageFigure]:
    """Draw the log-log ROC and the AUC intervals."""
    return membership_view.draw(target, replace(outcome, membership=None), folder)


def cards(target: RangeScores, outcome: Outcome) -> list[MoleculeCard]:
    """Return nothing: no molecule was extracted."""
    return []


def gallery(target: RangeScores, outcome: Outcome) -> Gallery | None:
    """Return nothing: a range is no record."""
    return None
