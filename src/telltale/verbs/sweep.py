"""`telltale sweep`: which named sweeps there are, and how the jobs of one stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from telltale.errors import InputError
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.summary import show_sweep, standing_of
from telltale.verbs.found import table


def list_sweeps(outputs: Path) -> None:
    """Print a line a sweep, the one that was begun last first."""
    rows = [(place.name, *told_of(place)) for place in sweeps_in(outputs)]
    print(table(("sweep", "began", "stands"), rows) if rows else f"no named sweeps in {outputs / 'sweeps'}")


def show(name: str, outputs: Path) -> None:
    """Print the table of a sweep, and write its summary and page anew. Raises InputError where there is none."""
    there = list(sweeps_in(outputs))
    folder = next((place for place in there if place.name == name), Path(name))
    if not Ledger(folder).exists():
        named = f"; there are {', '.join(place.name for place in there)}" if there else ""
        raise InputError("SWEEP", name, f"no sweep of that name in {outputs / 'sweeps'}, and no folder of one{named}")
    show_sweep(folder, anew=True)


def sweeps_in(outputs: Path) -> Iterator[Path]:
    """Yield the folders of named sweeps, the ledger that was written last first."""
    files = (outputs / "sweeps").glob(f"*/{Ledger(outputs).file.name}")
    for file in sorted(files, key=lambda file: -file.stat().st_mtime):
        yield file.parent


def told_of(folder: Path) -> tuple[str, str]:
    """Return when the first job of a sweep began, and how its jobs stand."""
    try:
        jobs = Ledger(folder).standing().jobs
    except InputError:
        return "", "its ledger cannot be read"
    began = min((job.began for job in jobs if job.began), default="")
    return began.replace("T", " "), standing_of(job.state for job in jobs)
