"""The page of a named sweep: its table, curves over swept numbers, and a link to the page of each job."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import telltale.reporting
from telltale.sweeps.curves import Measured, curves_of, drawn
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.states import FINISHED
from telltale.writing import write_text

PAGE = "sweep.html"
TEMPLATES = (Path(__file__).parent, Path(next(iter(telltale.reporting.__path__))))  # the latter has the style
CURVES_OF = ("auc", "tpr_at_fpr_0.01", "novel_auc", "accuracy", "ssim")


def bring_up_to_date(folder: Path, rows: Sequence[Mapping[str, Any]], title: str, anew: bool = False) -> Path:
    """Write the page of a sweep where a job was begun since, or anew, and return its path; rows: of the summary."""
    page, path = Ledger(folder).standing(), folder / PAGE
    if anew or not path.exists() or any(job.session == page.session for job in page.jobs):
        write_page(folder, rows, title)
    return path


def write_page(folder: Path, rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Write the page, whole or not at all; every text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    names = list(dict.fromkeys(name for row in rows for name in row))
    same = [name for name in names if len(rows) > 1 and len({str(row.get(name, "")) for row in rows}) == 1]
    columns = [name for name in names if name not in same and name != "error"] + ["error"] * ("error" in names)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("sweep.html.jinja").render(
        title=title,
        same=", ".join(f"{name} {rows[0].get(name)}" for name in same),
        columns=columns,
        rows=[{"cells": [row.get(name, "") for name in columns], "page": _page_of(folder, row)} for row in rows],
        curves=[(base64.b64encode(drawn(curve)).decode(), curve.caption) for curve in curves_of([*_measured(folder)])],
    )
    written = folder / f".{PAGE}.{os.getpid()}"
    write_text(written, text)
    written.replace(folder / PAGE)


def _page_of(folder: Path, row: Mapping[str, Any]) -> str:
    """Return where the page of a job lies, from the sweep's; empty where there is none."""
    place = Path(str(row["job"])) / "report.html"
    return place.as_posix() if (folder / place).exists() else ""


def _measured(folder: Path) -> Iterator[Measured]:
    for job in Ledger(folder).standing().jobs:
        if job.state == FINISHED:
            document = json.loads((folder / job.folder / "metrics.json").read_text(encoding="utf-8"))
            yield Measured.of(job.words, document["metrics"], CURVES_OF)
