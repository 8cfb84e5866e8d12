"""Test a paper's claims: run its experiments (or find them), print claim | paper | ours | verdict, write it down.

python -m scripts.reproduce_paper PAPER [--scale small] [--jobs 2] [--folder outputs/papers] [--fresh]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import yaml

from telltale.configuration.command_line import SCALES
from telltale.errors import InputError
from telltale.papers.claims import Claim, Results, judge_all
from telltale.papers.claims_table import print_claims, write_claims
from telltale.papers.curve import Curve, points
from telltale.papers.curve_view import write_curves
from telltale.papers.grid import Grid, cells
from telltale.papers.grid_view import print_grid, write_grids
from telltale.papers.table import Table, lines
from telltale.papers.table_view import write_tables
from telltale.progress import track
from telltale.reporting.metrics_file import write_json

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Job:
    """One run of a paper's experiments."""

    experiment: str
    seed: int
    overrides: tuple[str, ...]
    folder: Path


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
    waiting = [job for job in jobs if fresh or not _is_done(job, code)]
    print(f"{len(jobs)} runs, {len(jobs) - len(waiting)} of them finished earlier", file=sys.stderr)
    threads = str(max(1, (os.cpu_count() or 1) // at_once))
    failed = []
    with ThreadPoolExecutor(at_once) as pool:
        outcomes = pool.map(lambda job: _run(job, threads, code), waiting)
        for job, succeeded in track(zip(waiting, outcomes, strict=True), "running experiments", len(waiting)):
            if not succeeded:
                failed.append(job)
    return failed


def read_results(jobs: Sequence[Job]) -> Results:
    """Read the bootstrap replicates of every finished run, and its owners' success."""
    found: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    for job in jobs:
        file = job.folder / "replicates.npz"
        if file.exists():
            with np.load(file, allow_pickle=False) as arrays:
                found[job.experiment, job.seed] = {name: arrays[name] for name in arrays.files} | _owners(job)
    return found


def _owners(job: Job) -> dict[str, np.ndarray]:
    """Return the owners' own success, which has no replicates, as "owner/accuracy" and the like."""
    file = job.folder / "metrics.json"
    measured = json.loads(file.read_text()).get("target", {}) if file.exists() else {}
    return {f"owner/{name}": np.array([value], float) for name, value in measured.items()}


def _is_done(job: Job, code: str) -> bool:
    file = job.folder / "made_by.json"
    return file.exists() and json.loads(file.read_text()) == _made_by(job, code)


def _made_by(job: Job, code: str) -> dict[str, object]:
    return {"overrides": list(job.overrides), "code": code}


def _run(job: Job, threads: str, code: str) -> bool:
    job.folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "src.run", *job.overrides, f"hydra.run.dir={job.folder}"]
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    with (job.folder / "output.log").open("w") as output:
        ended = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False)
    if ended.returncode == 0:
        write_json(job.folder / "made_by.json", _made_by(job, code))
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
