"""Everything a finished run shows and keeps: metrics.json, evidence, figures, page, logger, console table."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence, Sized
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from omegaconf import OmegaConf

from telltale.evaluation.membership import OPTIMISTIC
from telltale.evidence import (
    CanaryScores,
    CaptionMembership,
    ExtractedMolecules,
    MembershipScores,
    RangeScores,
    ReconstructedRecords,
    SecretScores,
)
from telltale.reporting import caption_view, extraction_view, membership_view, range_view, reconstruction_view
from telltale.reporting.answering import Spoken, spoken
from telltale.reporting.console import print_summary
from telltale.reporting.gallery import Gallery
from telltale.reporting.loggers import RunLogger
from telltale.reporting.masking import masked, masked_configuration
from telltale.reporting.metrics_file import metrics_document, write_estimates, write_json
from telltale.reporting.next_steps import Step, steps
from telltale.reporting.outcome import Outcome
from telltale.reporting.page import MoleculeCard, PageFigure, write_page
from telltale.reporting.run_folder import RunFolder
from telltale.reporting.summary import Heading, Reading, Summary, tests_of


class View(Protocol):
    """How one kind of evidence is shown and kept; each view is a module."""

    def reading(self, target: Any) -> Reading:
        """Say what a person reads first."""
        ...

    def write(self, target: Any, outcome: Outcome, folder: Path) -> None:
        """Keep the evidence in open formats."""
        ...

    def draw(self, target: Any, outcome: Outcome, folder: Path) -> list[PageFigure]:
        """Draw the figures of the page into the folder."""
        ...

    def cards(self, target: Any, outcome: Outcome) -> list[MoleculeCard]:
        """Return extracted molecules, for the page."""
        ...

    def gallery(self, target: Any, outcome: Outcome) -> Gallery | None:
        """Return single records, for the page."""
        ...


ARTEFACTS = ("metrics.json", "replicates.npz", "report.html", "config.yaml")  # what a tracker keeps with a run
VIEWS: dict[type, View] = {
    ExtractedMolecules: extraction_view,
    MembershipScores: membership_view,
    CanaryScores: membership_view,
    SecretScores: membership_view,
    CaptionMembership: caption_view,
    RangeScores: range_view,
    ReconstructedRecords: reconstruction_view,
}


class Subject(Protocol):
    """What a run was about, for the title: a data set and how its records were dealt out."""

    @property
    def source(self) -> str:
        """Name the data set."""
        ...

    @property
    def available(self) -> int:
        """Count its records."""
        ...

    @property
    def member_count(self) -> int:
        """Count each model's training records among those that were asked about."""
        ...

    @property
    def auxiliary(self) -> Sized:
        """Return the attacker's own records."""
        ...


def report(
    run: RunFolder,
    outcome: Outcome,
    pools: Subject,
    choices: Mapping[str, str],
    what: str = "",
    next_steps: Sequence[Step] | None = None,
    show: bool = True,
) -> Summary:
    """Write and show the whole report; returns what it says.

    choices: the words of the command line by group; what: the first line of the title where there was no recipe;
    next_steps: what to type next where that does not follow from a recipe; show: print it on the console.
    """
    target = outcome.evidence["target"]
    view = VIEWS[type(target)]
    view.write(target, outcome, run.folder)
    with run.stage("figures"):
        drawn = view.draw(target, outcome, run.folder / "figures")
    reading = view.reading(target)
    heading = Heading.of(choices, pools, reading.sizes, what)
    answer = (
        answer_of(run, outcome, pools.available, choices)
        if next_steps is None
        else replace(spoken(outcome), steps=list(next_steps))
    )
    summary = Summary.of(outcome, heading, reading, run.seconds, run.folder / "report.html", answer)
    document = metrics_document(
        summary.target,
        controls=summary.metrics_of("control"),
        rivals=summary.metrics_of("rival"),
        variants=summary.metrics_of("variant"),
        leakage=summary.leakage,
        guarantee=summary.guarantee,
        target=summary.owner,
        queries=summary.queries,
        seconds=summary.seconds,
        versus_rivals=tests_of(outcome),
        costs=outcome.costs,
        answer=answer,
        data=summary.data,
    )
    write_json(run.folder / "metrics.json", document)
    write_estimates(outcome.scored.metrics, run.folder / "replicates.npz")
    write_page(
        summary,
        run.folder / "report.html",
        figures=drawn,
        molecules=view.cards(target, outcome),
        gallery=view.gallery(target, outcome),
        footer={"seed": str(run.cfg.seed)},
        configuration=OmegaConf.to_yaml(masked_configuration(run.cfg)),
    )
    _log(summary, run.logger, drawn)
    run.logger.log_files([file for name in ARTEFACTS if (file := run.folder / name).exists()])
    if show:
        print_summary(summary)
    return replace(summary, outcome=outcome)


def answer_of(run: RunFolder, outcome: Outcome, available: int, choices: Mapping[str, str]) -> Spoken:
    """Say whether it leaks, and what to type next."""
    said = spoken(outcome)
    words = [word for word in run.overrides if word.partition("=")[0] not in run.left_open]
    found = steps(
        said.kind,
        said.models,
        said.points,
        evidence=type(outcome.evidence["target"]).__name__,
        success=outcome.target,
        words=masked(words),
        typed=sys.argv,
        cfg=masked(OmegaConf.to_container(run.cfg, resolve=True)),
        choices=choices,
        folder=run.folder,
        available=available,
    )
    return replace(said, steps=found)


def _log(summary: Summary, logger: RunLogger, drawn: Sequence[PageFigure]) -> None:
    measured = [
        (summary.roles[name], name, metric, estimate)
        for name, metrics in summary.evidence.items()
        for metric, estimate in metrics.items()
    ]
    scalars = {
        f"{role}/{name}/{metric}": estimate.value
        for role, name, metric, estimate in measured
        if np.isfinite(estimate.value) and OPTIMISTIC not in estimate.note  # there a number stands without its note
    }
    logger.log_scalars(scalars | {f"target/success/{name}": value for name, value in summary.owner.items()})
    for figure in drawn:
        logger.log_figure(figure.name, figure.path)
    rows = [
        [role, name, metric, estimate.value, estimate.low, estimate.high, estimate.n, estimate.note]
        for role, name, metric, estimate in measured
    ]
    logger.log_table("metrics", ["role", "name", "metric", "value", "low", "high", "n", "note"], rows)
