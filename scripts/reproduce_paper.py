"""Test a paper's claims: run its experiments (or find them), print claim | paper | ours | verdict, write it down.

python -m scripts.reproduce_paper PAPER [--scale small] [--jobs 2] [--folder outputs/papers] [--fresh]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import yaml

from scripts.jobs import ROOT, Run, play_all
from telltale.configuration.command_line import SCALES
from telltale.errors import InputError
from telltale.evaluation.statistics import Estimate
from telltale.papers.claims import Claim, Results, judge_all
from telltale.papers.claims_table import print_claims, write_claims
from telltale.papers.curve import Curve, points
from telltale.papers.curve_view import write_curves
from telltale.papers.grid import Grid, cells
from telltale.papers.grid_view import print_grid, write_grids
from telltale.papers.table import Table, lines
from telltale.papers.table_view import write_tables
from telltale.progress import track
from telltale.reporting.metrics_file import read_estimates


@dataclass(frozen=True)
class Job:
    """One run of a paper's experiments."""

    experiment: str
    seed: int
    overrides: tuple[str, ...]
    folder: Path

    def run(self, code: str) -> Run:
        """Return the run that this digest of the code makes."""
        made_by = {"overrides": list(self.overrides), "code": code}
        return Run(self.overrides, self.folder, self.folder / "output.log", made_by)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, judge, print and write; 0 when every experiment has a result, else 1 (failed) or 2 (bad input)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paper")
    parser.add_argument("--scale", default="small")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time; the cores are shared out")
    parser.add_argument("--folder", type=Path, default=Path("outputs/papers"))
    parser.add_argument("--fresh", action="store_true", help="run again what is finished; trained models are kept")
    options = parser.parse_args(arguments)
    try:
        paper = read_paper(options.paper, options.scale)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    folder = options.folder / options.paper / options.scale
    jobs = jobs_of(paper, options.scale, folder)
    failed = run_all(jobs, max(1, options.jobs), options.fresh)
    claims = [Claim.of(entry) for entry in paper["claims"]]
    results = read_results(jobs)
    tested = judge_all(claims, results)
    title = f"{paper['paper']}, scale {options.scale}"
    print_claims(title, tested)
    grids = [(grid, cells(grid, results)) for grid in map(Grid.of, paper.get("grids", []))]
    for grid, found in grids:
        print_grid(grid, found)
    files = write_claims(title, tested, folder, [(job.experiment, job.seed, job.overrides) for job in jobs])
    tables = [(table, lines(table, results)) for table in map(Table.of, paper.get("tables", []))]
    written = [*(write_grids(grids, folder) if grids else []), *([write_tables(tables, folder)] if tables else [])]
    curves = [(curve, points(curve, results)) for curve in map(Curve.of, paper.get("curves", []))]
    for path in [*files, *written, *write_curves(curves, folder)]:
        print(path)
    for job in failed:
        print(f"failed: {job.experiment}, seed {job.seed}; see {job.folder / 'output.log'}", file=sys.stderr)
    return 1 if failed else 0


def read_paper(name: str, scale: str) -> dict:
    """Read conf/paper/<name>.yaml. Raises InputError for a name or scale that is not there."""
    papers = sorted(file.stem for file in (ROOT / "conf" / "paper").glob("*.yaml"))
    if name not in papers:
        raise InputError("PAPER", name, f"one of {', '.join(papers)}")
    if scale not in SCALES:
        raise InputError("SCALE", scale, f"one of {', '.join(SCALES)}")
    return yaml.safe_load((ROOT / "conf" / "paper" / f"{name}.yaml").read_text())


def jobs_of(paper: dict, scale: str, folder: Path) -> list[Job]:
    """List the runs, seed by seed, so that every experiment has a result before any has a second."""
    return [
        Job(name, seed, (*overrides, f"scale={scale}", f"seed={seed}", "logger=none"), folder / name / f"seed{seed}")
        for seed in paper["seeds"][scale]
        for name, overrides in paper["experiments"].items()
    ]


def run_all(jobs: Sequence[Job], at_once: int, fresh: bool) -> list[Job]:
    """Run what is not finished yet, `at_once` at a time; return the jobs that failed."""
    paths = [*(ROOT / "src").rglob("*.py"), *(ROOT / "conf").rglob("*.yaml")]
    papers = ROOT / "conf" / "paper"  # a claim changes no run, and an experiment is known by its overrides
    code = blake2b(b"".join(path.read_bytes() for path in sorted(paths) if path.parent != papers)).hexdigest()
    waiting = [job for job in jobs if fresh or not job.run(code).is_finished()]
    print(f"{len(jobs)} runs, {len(jobs) - len(waiting)} of them finished earlier", file=sys.stderr)
    threads = max(1, (os.cpu_count() or 1) // at_once)
    ended = play_all(waiting, lambda job: job.run(code).play(threads), at_once)
    failed = {job for job, succeeded in track(ended, "running experiments", len(waiting)) if not succeeded}
    return [job for job in waiting if job in failed]


def read_results(jobs: Sequence[Job]) -> Results:
    """Read the bootstrap replicates of every finished run, and its owners' success."""
    found: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    for job in jobs:
        file = job.folder / "replicates.npz"
        if file.exists():
            estimates = read_estimates(file)
            found[job.experiment, job.seed] = {name: _row(of) for name, of in estimates.items()} | _owners(job)
    return found


def _row(estimate: Estimate) -> np.ndarray:
    return np.append(estimate.value, estimate.replicates)


def _owners(job: Job) -> dict[str, np.ndarray]:
    """Return the owners' own success, which has no replicates, as "owner/accuracy" and the like."""
    file = job.folder / "metrics.json"
    measured = json.loads(file.read_text()).get("target", {}) if file.exists() else {}
    return {f"owner/{name}": np.array([value], float) for name, value in measured.items()}


if __name__ == "__main__":
    sys.exit(main())
