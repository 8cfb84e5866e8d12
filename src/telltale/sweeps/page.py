"""The page of a named sweep: its table, curves over swept numbers, and a link to the page of each job."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import telltale.reporting
from telltale.sweeps.curves import Measured, curves_of, drawn
from telltale.sweeps.documents import UNREADABLE, read_document
from telltale.sweeps.grid import option_of
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.states import FINISHED, Job
from telltale.writing import write_text

PAGE = "sweep.html"
TEMPLATES = (Path(__file__).parent, Path(next(iter(telltale.reporting.__path__))))  # the latter has the style
CURVES_OF = ("auc", "tpr_at_fpr_0.01", "novel_auc", "accuracy", "ssim")


def bring_up_to_date(folder: Path, rows: Sequence[Mapping[str, Any]], title: str, anew: bool = False) -> Path:
    """Write the page of a sweep where a job stands otherwise than it says, or anew; rows: of the summary."""
    path, mark = folder / PAGE, _mark_of(Ledger(folder).standing().jobs)
    if anew or not path.exists() or mark not in path.read_text(encoding="utf-8"):
        write_page(folder, rows, title, mark)
    return path


def _mark_of(jobs: Sequence[Job]) -> str:
    """Return a digest of how the jobs stand."""
    told = json.dumps([(job.state, job.tries, job.ended, job.reason) for job in jobs])
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def write_page(folder: Path, rows: Sequence[Mapping[str, Any]], title: str, mark: str = "") -> None:
    """Write the page, whole or not at all; every text is escaped. mark: of how the jobs stand."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from telltale.reporting.sentences import metric_title

    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "error"]
    same = [name for name in names if len(rows) > 1 and len({str(row[name]) for row in rows if name in row}) == 1]
    options = {option_of(word) for job in Ledger(folder).read().jobs for word in job.words}
    columns = [name for name in names if name not in same or name == "status"]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("sweep.html.jinja").render(
        title=title,
        mark=mark,
        same=", ".join(f"{name} {next(row[name] for row in rows if name in row)}" for name in same),
        reasons=[(row["job"], row["error"]) for row in rows if row.get("error")],
        columns=[name if name in options else metric_title(name) for name in columns],
        rows=[
            {"cells": [row.get(name, "") for name in columns], "page": _page_of(folder, row), "status": row["status"]}
            for row in rows
        ],
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
            with suppress(*UNREADABLE):  # its row says so
                document = read_document(folder / job.folder / "metrics.json")
                yield Measured.of(job.words, document["metrics"], CURVES_OF)
