"""Test a paper's claims: run its experiments (or find them), print claim | paper | ours | verdict, write it down.

python -m scripts.reproduce_paper [PAPER] [--scale small] [--jobs 2] [--folder outputs/papers] [--fresh] [--plan]
    [--finished] [--page docs/PAPER.md]

Without PAPER all papers, the cheapest first, and a table over them at the end. What is finished is not run again, and
what the rest will take is said first.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from scripts.jobs import ROOT, Run, code_digest, play_all
from telltale.configuration.command_line import SCALES
from telltale.errors import InputError
from telltale.papers.claims import Claim
from telltale.papers.claims_file import Tally, flipped, read_verdicts, write_json_of
from telltale.papers.claims_table import print_claims, write_claims
from telltale.papers.curve import Curve, points
from telltale.papers.curve_view import write_curves
from telltale.papers.grid import Grid, cells
from telltale.papers.grid_view import print_grid, write_grids
from telltale.papers.judging import judge_all
from telltale.papers.overview import print_overview, write_overview
from telltale.papers.page import write_page
from telltale.papers.results import Results, read_run
from telltale.papers.table import Table, lines
from telltale.papers.table_view import write_tables
from telltale.progress import track

if TYPE_CHECKING:
    from telltale.planning.rehearse import Alike


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
    parser.add_argument("paper", nargs="?", help="one of conf/paper; without it all of them, with one table at the end")
    parser.add_argument("--scale", default="small")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time; the cores are shared out")
    parser.add_argument("--folder", type=Path, default=Path("outputs/papers"))
    parser.add_argument("--fresh", action="store_true", help="run again what is finished; trained models are kept")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--plan", action="store_true", help="say what it would take, and train nothing")
    either.add_argument("--unplanned", action="store_true", help="begin without saying what it will take")
    parser.add_argument("--against", type=Path, help="earlier verdicts, to say what flipped: claims.json or a page")
    parser.add_argument("--finished", action="store_true", help="run nothing; judge the seeds whose runs are all there")
    parser.add_argument("--page", type=Path, help="write verdicts and tables as one page, e.g. docs/molextract.md")
    options = parser.parse_args(arguments)
    try:
        names = [options.paper] if options.paper else papers()
        if options.against and not options.paper:
            raise InputError("--against", options.against, "with the name of one paper")
        if options.page and not options.paper:
            raise InputError("--page", options.page, "with the name of one paper")
        read = {name: read_paper(name, options.scale) for name in names}
        earlier = {name: earlier_verdicts(name, options) for name in names}
        if options.finished and options.paper:
            require_a_whole_seed(options.paper, read[options.paper], options)
        order, refused = (list(read), []) if options.unplanned or options.finished else plan(read, options)
        for line in refused:
            print(line, file=sys.stderr)
        if options.plan:
            return 2 if refused else 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    tallies, failed = {}, []
    for name in order:
        tallies[name], of_paper = reproduce(name, read[name], options, earlier[name])
        failed += of_paper
    if not options.paper:
        tallies = {name: tallies[name] for name in read}
        print_overview(options.scale, tallies)
        print(write_overview(options.scale, tallies, options.folder))
    for job in failed:
        print(f"failed: {job.experiment}, seed {job.seed}; see {job.folder / 'output.log'}", file=sys.stderr)
    return 1 if failed else 0


def plan(read: Mapping[str, dict], options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Say what the runs that are not finished will take: a line an experiment, a total of each paper and of all.

    Of an experiment's seeds one is planned. Returns the names of the papers, the cheapest first, and what is refused.
    """
    waiting = {name: _waiting(name, paper, options) for name, paper in read.items()}
    if not any(waiting.values()):
        print("nothing is left to run", file=sys.stderr)
        return list(read), []
    from telltale.planning.rehearse import in_own_processes  # brings all that trains

    titles = {f"plan: {paper['paper']}, scale {options.scale}": name for name, paper in read.items()}
    seconds, refused = in_own_processes({title: alike(waiting[name]) for title, name in titles.items()})
    return [titles[title] for title in seconds], refused


def alike(waiting: Sequence[Job]) -> list[Alike]:
    """Put the seeds of each experiment together; one seed speaks for all where it can, as its runs share models."""
    from telltale.planning.rehearse import Alike

    seeds = Counter(job.seed for job in waiting)
    first = {job.experiment: job for job in sorted(waiting, key=lambda job: seeds[job.seed])}  # the last one stays
    times = Counter(job.experiment for job in waiting)
    return [Alike(name, job.overrides, times[name]) for name, job in first.items()]


def _waiting(name: str, paper: dict, options: argparse.Namespace) -> list[Job]:
    jobs, code = jobs_of(paper, options.scale, options.folder / name / options.scale), code_digest()
    return [job for job in jobs if options.fresh or not job.run(code).is_finished()]


def reproduce(
    name: str, paper: dict, options: argparse.Namespace, earlier: Mapping[str, str] | None
) -> tuple[Tally, list[Job]]:
    """Run, judge, print and write one paper; return how its verdicts come out, and the jobs that failed."""
    folder = options.folder / name / options.scale
    jobs = jobs_of(paper, options.scale, folder)
    if options.finished:
        jobs = of_whole_seeds(jobs)
    failed = [] if options.finished else run_all(jobs, max(1, options.jobs), options.fresh)
    results = read_results(jobs)
    tested = judge_all([Claim.of(entry) for entry in paper["claims"]], results)
    flips = None if earlier is None else flipped(tested, earlier)
    title = f"{paper['paper']}, scale {options.scale}"
    print_claims(title, tested, flips)
    grids = [(grid, cells(grid, results)) for grid in map(Grid.of, paper.get("grids", []))]
    for grid, found in grids:
        print_grid(grid, found)
    files = write_claims(title, tested, folder, [(job.experiment, job.seed, job.overrides) for job in jobs], flips)
    tables = [(table, lines(table, results)) for table in map(Table.of, paper.get("tables", []))]
    written = [*(write_grids(grids, folder) if grids else []), *([write_tables(tables, folder)] if tables else [])]
    curves = [(curve, points(curve, results)) for curve in map(Curve.of, paper.get("curves", []))]
    written += write_curves(curves, folder)
    if options.page:
        command = f"make reproduce-paper PAPER={name} SCALE={options.scale} PAGE={options.page}"
        about, rests_on = paper.get("about", ""), seeds_in_words(jobs, paper["seeds"][options.scale])
        written.append(write_page(options.page, title, about, command, rests_on, tested, grids, tables))
    for path in [*files, write_json_of(title, tested, folder), *written]:
        print(path)
    return Tally.of(tested), failed


def seeds_in_words(jobs: Sequence[Job], named: Sequence[int]) -> str:
    """Say which seeds there are, and how many of those that the paper's file names they are.

    >>> seeds_in_words([Job("gin", 1, (), Path()), Job("gcn", 1, (), Path())], [1, 2, 3])
    'seed 1 (one of 3 named; the others are not finished)'
    """
    there = sorted({job.seed for job in jobs})
    told = f"seed{'s' * (len(there) > 1)} {', '.join(map(str, there))}"
    if len(there) == len(named):
        return told
    number = "one" if len(there) == 1 else len(there)
    return f"{told} ({number} of {len(named)} named; the others are not finished)"


def require_a_whole_seed(name: str, paper: dict, options: argparse.Namespace) -> None:
    """Raise InputError where no seed has all its runs: a page of nothing would replace one of something."""
    jobs = jobs_of(paper, options.scale, options.folder / name / options.scale)
    if not of_whole_seeds(jobs):
        left = len(_waiting(name, paper, options))
        expected = (
            f"of no seed at scale {options.scale} all runs are there ({left} of {len(jobs)} are left by this code)"
        )
        raise InputError("--finished", name, f"{expected}; without --finished they are made")


def of_whole_seeds(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs of seeds of which none is left to run."""
    code = code_digest()
    left = {job.seed for job in jobs if not job.run(code).is_finished()}
    return [job for job in jobs if job.seed not in left]


def earlier_verdicts(name: str, options: argparse.Namespace) -> dict[str, str] | None:
    """Read the verdicts to compare with: of `--against`, else of this folder's last time; None where there are none."""
    if options.against:
        return read_verdicts(options.against)
    file = options.folder / name / options.scale / "claims.json"
    return read_verdicts(file) if file.exists() else None


def papers() -> list[str]:
    """List the papers there are, by their names in conf/paper."""
    return sorted(file.stem for file in (ROOT / "conf" / "paper").glob("*.yaml"))


def read_paper(name: str, scale: str) -> dict:
    """Read conf/paper/<name>.yaml. Raises InputError for a name or scale that is not there."""
    if name not in papers():
        raise InputError("PAPER", name, f"one of {', '.join(papers())}")
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
    code = code_digest()  # an experiment is known by its overrides
    waiting = [job for job in jobs if fresh or not job.run(code).is_finished()]
    print(f"{len(jobs)} runs, {len(jobs) - len(waiting)} of them finished earlier", file=sys.stderr)
    threads = max(1, (os.cpu_count() or 1) // at_once)
    ended = play_all(waiting, lambda job: job.run(code).play(threads), at_once)
    failed = {job for job, succeeded in track(ended, "running experiments", len(waiting)) if not succeeded}
    return [job for job in waiting if job in failed]


def read_results(jobs: Sequence[Job]) -> Results:
    """Read the figures of every finished run, and its owners' success."""
    runs = {(job.experiment, job.seed): read_run(job.folder) for job in jobs}
    return {place: run for place, run in runs.items() if run is not None}


if __name__ == "__main__":
    sys.exit(main())
