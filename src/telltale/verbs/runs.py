"""`telltale runs`: which runs there are, and what one of them says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from telltale.sweeps.summary import SHOWN
from telltale.verbs.found import Run, number, run_named, runs_below, shortened, table
from telltale.verbs.sweep import sweeps_in, told_of
from telltale.writing import counted

COLUMNS = ("auc", "tpr_at_fpr_0.01", "balanced_accuracy")


def list_runs(outputs: Path, last: int) -> None:
    """Print a line a run, newest first; `last`: at most so many."""
    runs = runs_below(outputs)
    if not runs:
        print(f"no runs below {outputs}")
        return
    rows = [(run.name, *_told(run)) for run in runs[:last]]
    print(table(("run", "began", "status", "answer", "by its own attack", "words"), rows))
    if len(runs) > last:
        print(f"and {len(runs) - last:,} older (--last {len(runs)} shows all)")
    for place in sweeps_in(outputs):
        print(f"sweep {place.name}: {told_of(place)[1]}")


def _told(run: Run) -> tuple[str, ...]:
    began = str(run.document.get("began", "")).replace("T", " ")
    measured = dict(run.metrics.get("metrics") or {})
    first = next((name for name in SHOWN if name in measured), "")
    headline = f"{first} {number(measured[first])}" if first else ""
    return began, run.status, str(run.answer.get("kind", "")), headline, shortened(run.typed)


def show_run(name: str, outputs: Path) -> None:
    """Print what a run says of itself: how it ended, its answer, its numbers, what it needs of the store."""
    run = run_named(name, outputs)
    seconds = f", {run.document['seconds']:,} s" if "seconds" in run.document else ""
    print(f"run      {run.name}")
    print(f"status   {run.status}, began {run.document.get('began', 'at an unknown time')}{seconds}")
    print(f"words    {run.typed or 'none'}")
    if error := run.document.get("error"):
        print(f"error    {' '.join(str(error).split())}")
    if answer := run.answer:
        print(f"answer   {answer.get('sentence', '')}")
        for text in answer.get("meaning") or ():
            print(f"         {text}")
    if rows := _evidence(run):
        print(table(("evidence", "role", *COLUMNS), rows))
    success = {k: v for k, v in dict(run.metrics.get("target") or {}).items() if isinstance(v, int | float)}
    if success:
        print(f"owner    {', '.join(f'{name} {value:.3f}' for name, value in success.items())}")
    needs = run.needs
    said = "does not say what it needs" if needs is None else f"needs {counted(len(needs), 'entry', 'entries')}"
    print(f"store    {said}")
    if (run.folder / "report.html").exists():
        print(f"report   {run.name}/report.html")


def _evidence(run: Run) -> list[tuple[str, ...]]:
    parts: list[tuple[str, str, Mapping[str, Any]]] = []
    if measured := run.metrics.get("metrics"):
        parts.append((run.attack, "attack", measured))
    for key, role in (("rivals", "rival"), ("controls", "control"), ("variants", "variant")):
        parts += [(name, role, metrics) for name, metrics in dict(run.metrics.get(key) or {}).items()]
    return [
        (name, role, *(number(metrics[column]) if column in metrics else "" for column in COLUMNS))
        for name, role, metrics in parts
        if any(column in metrics for column in COLUMNS)
    ]
