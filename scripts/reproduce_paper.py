"""Test a paper's claims: run its experiments (or find them), print claim | paper | ours | verdict, write it down.

python -m scripts.reproduce_paper [PAPER] [--scale small] [--jobs 2] [--folder outputs/papers] [--fresh] [--plan]
    [--seeds 1,2] [--threads 1] [--measured docs/measured] [--finished] [--page docs/PAPER.md]

Without PAPER all papers, the cheapest first, last those that others decide in part, and a table over them at the end.
What is finished is not run again, and what the rest will take is said first. `--measured` names a folder where the
figures of finished runs stay when their own folders go: what is in there is read as finished, whichever code made it,
and each run that ends is added to it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from scripts import needs
from scripts.elsewhere import judged_elsewhere
from scripts.ending import exit_code
from scripts.jobs import ROOT, play_all
from scripts.paper_runs import Job, PaperRuns, jobs_of, this_code
from telltale.checks import whole_number
from telltale.configuration.command_line import SCALES
from telltale.errors import InputError
from telltale.papers.asked import asked_of
from telltale.papers.claims import Claim
from telltale.papers.claims_file import Tally, flipped, read_verdicts, write_json_of
from telltale.papers.claims_table import print_claims, write_claims
from telltale.papers.curve import Curve, points
from telltale.papers.curve_view import write_curves
from telltale.papers.grid import Grid, cautions, cells
from telltale.papers.grid_view import print_grid, write_grids
from telltale.papers.judging import judge_all
from telltale.papers.kept import Maker
from telltale.papers.overview import print_overview, write_overview
from telltale.papers.page import Page, write_page
from telltale.papers.prose import filled
from telltale.papers.ratio_law import fits, laws_of, slopes
from telltale.papers.ratio_law_view import write_laws
from telltale.papers.table import Table, lines
from telltale.papers.table_view import write_tables
from telltale.progress import track

if TYPE_CHECKING:
    from telltale.planning.rehearse import Alike


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, judge, print and write; 0 when every experiment has a result, else 1 (failed) or 2 (bad input)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paper", nargs="?", help="one of conf/paper; without it all of them, with one table at the end")
    parser.add_argument("--scale", default="small")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    parser.add_argument("--threads", type=int, help="of each run; without it the cores are shared out")
    parser.add_argument("--seeds", help="some of those that the paper's file names, e.g. 1,2; without it all")
    parser.add_argument("--folder", type=Path, default=Path("outputs/papers"))
    parser.add_argument("--fresh", action="store_true", help="run again what is finished; trained models are kept")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--plan", action="store_true", help="say what it would take, and train nothing")
    either.add_argument("--unplanned", action="store_true", help="begin without saying what it will take")
    parser.add_argument("--against", type=Path, help="earlier verdicts, to say what flipped: claims.json or a page")
    parser.add_argument("--finished", action="store_true", help="run nothing; judge the seeds whose runs are all there")
    parser.add_argument("--measured", type=Path, help="folder of kept figures: read as finished, and added to")
    parser.add_argument("--page", type=Path, help="write verdicts and tables as one page, e.g. docs/molextract.md")
    options = parser.parse_args(arguments)
    try:
        check(options)
        code, names = this_code(), [options.paper] if options.paper else papers()
        read = {name: read_paper(name, options.scale) for name in names}
        earlier = {name: earlier_verdicts(name, options) for name in names}
        runs = {name: runs_of(name, paper, options, code) for name, paper in read.items()}
        if options.finished and options.paper:
            require_a_whole_seed(options.paper, runs[options.paper], options.scale)
        waiting = {name: read[name] for name, there in runs.items() if there.left() and not options.finished}
        for name, line in needs.require(waiting, alone=bool(options.paper)).items():
            print(line, file=sys.stderr)
            del read[name], runs[name]
        unplanned = options.unplanned or options.finished
        order, refused = (list(read), []) if unplanned else plan(read, runs, options.scale)
        for line in refused:
            print(line, file=sys.stderr)
        if options.plan:
            return 2 if refused else 0
        tallies, failed = {}, []
        # last those that others decide in part
        for name in sorted(order, key=lambda name: any("elsewhere" in claim for claim in read[name]["claims"])):
            tallies[name], of_paper = reproduce(name, read[name], runs[name], options, earlier[name])
            failed += of_paper
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not options.paper:
        tallies = {name: tallies[name] for name in read}
        print_overview(options.scale, tallies)
        print(write_overview(options.scale, tallies, options.folder))
    for job in failed:
        print(f"failed: {job.experiment}, seed {job.seed}; see {job.folder / 'output.log'}", file=sys.stderr)
    return 1 if failed else 0


def check(options: argparse.Namespace) -> None:
    """Raise InputError for options that do not go together, or whose values cannot be."""
    for option in ("against", "page"):
        if getattr(options, option) and not options.paper:
            raise InputError(f"--{option}", getattr(options, option), "with the name of one paper")
    whole_number("--threads", options.threads, or_null=True)
    if options.measured and options.measured.exists() and not options.measured.is_dir():
        raise InputError("--measured", options.measured, "a folder, there or to be made")


def runs_of(name: str, paper: dict, options: argparse.Namespace, code: Maker) -> PaperRuns:
    """Find out which runs a paper has here, keep what can be kept, and say what is taken of what was kept before."""
    jobs = jobs_of(paper, options.scale, options.folder / name / options.scale, seeds_of(name, paper, options))
    shelf = options.measured / name / options.scale if options.measured else None
    runs, refused = PaperRuns(jobs, code, asked_of(paper), shelf, fresh=options.fresh).with_kept()
    if not (options.plan or options.fresh):
        runs.keep_what_is_made()
    for line in filter(None, [*refused, runs.told()]):
        print(line, file=sys.stderr)
    return runs


def seeds_of(name: str, paper: dict, options: argparse.Namespace) -> list[int]:
    """Return the seeds that are asked for, in the order of the paper's file. InputError for one that is not in it."""
    named = paper["seeds"][options.scale]
    if options.seeds is None:
        return named
    words = [word.strip() for word in options.seeds.split(",")]
    if unknown := [word for word in words if word not in map(str, named)]:
        of = (
            f"some of {', '.join(map(str, named))}, which {name} has at scale {options.scale}, with commas between them"
        )
        raise InputError("--seeds", unknown[0], of)
    return [seed for seed in named if str(seed) in words]


def plan(read: Mapping[str, dict], runs: Mapping[str, PaperRuns], scale: str) -> tuple[list[str], list[str]]:
    """Say what the runs that are not finished will take: a line an experiment, a total of each paper and of all.

    Of an experiment's seeds one is planned. Returns the names of the papers, the cheapest first, and what is refused.
    """
    waiting = {name: of_paper.left() for name, of_paper in runs.items()}
    if not any(waiting.values()):
        print("nothing is left to run", file=sys.stderr)
        return list(read), []
    from telltale.planning.rehearse import in_own_processes  # brings all that trains

    titles = {f"plan: {paper['paper']}, scale {scale}": name for name, paper in read.items()}
    seconds, refused = in_own_processes({title: alike(waiting[name]) for title, name in titles.items()})
    return [titles[title] for title in seconds], refused


def alike(waiting: Sequence[Job]) -> list[Alike]:
    """Put the seeds of each experiment together; one seed speaks for all where it can, as its runs share models."""
    from telltale.planning.rehearse import Alike

    seeds = Counter(job.seed for job in waiting)
    first = {job.experiment: job for job in sorted(waiting, key=lambda job: seeds[job.seed])}  # the last one stays
    times = Counter(job.experiment for job in waiting)
    return [Alike(name, job.overrides, times[name]) for name, job in first.items()]


def reproduce(
    name: str, paper: dict, runs: PaperRuns, options: argparse.Namespace, earlier: Mapping[str, str] | None
) -> tuple[Tally, list[Job]]:
    """Run, judge, print and write one paper; return how its verdicts come out, and the jobs that failed."""
    folder = options.folder / name / options.scale
    asked_for = {job.seed for job in runs.jobs}
    if options.finished:
        runs = runs.of_whole_seeds()
    failed = [] if options.finished else run_all(runs, max(1, options.jobs), options.threads)
    jobs, results = runs.jobs, runs.results()
    claims = [Claim.of(entry) for entry in paper["claims"]]
    others = judged_elsewhere(claims, options.scale, options.folder, options.measured, runs.code, read_paper)
    tested = judge_all(claims, results, others)
    flips = None if earlier is None else flipped(tested, earlier)
    title = f"{paper['paper']}, scale {options.scale}"
    print_claims(title, tested, flips)
    grids = [(grid, cells(grid, results)) for grid in map(Grid.of, paper.get("grids", []))]
    for grid, found in grids:
        print_grid(grid, found)
    files = write_claims(title, tested, folder, [(job.experiment, job.seed, job.overrides) for job in jobs], flips)
    tables = [(table, lines(table, results)) for table in map(Table.of, paper.get("tables", []))]
    noted = {grid.title: cautions(grid, results) for grid, _ in grids}
    written = [
        *(write_grids(grids, folder, noted) if grids else []),
        *([write_tables(tables, folder)] if tables else []),
    ]
    curves = [(curve, points(curve, results)) for curve in map(Curve.of, paper.get("curves", []))]
    written += write_curves(curves, folder)
    laws = [(law, fits(law, results)) for law in laws_of(paper)]
    written += write_laws(laws, folder) if laws else []
    if options.page:
        words = [f"{word.upper()}={value}" for word in ("seeds", "measured", "page") if (value := vars(options)[word])]
        command = f"make reproduce-paper PAPER={name} SCALE={options.scale} {' '.join(words)}"
        seeds = seeds_in_words(jobs, paper["seeds"][options.scale], asked_for)
        about, reading = paper.get("about", ""), filled(paper.get("reading", ""), tested, results, slopes(laws))
        rests_on = f"{seeds}. {runs.made_at()}"
        more = paper.get("more", "")
        page = Page(title, about, reading, command, rests_on, tested, grids, tables, curves, laws, more, noted)
        written += write_page(options.page, page)
    for path in [*files, write_json_of(title, tested, folder), *written]:
        print(path)
    return Tally.of(tested), failed


def seeds_in_words(jobs: Sequence[Job], named: Sequence[int], asked_for: Collection[int]) -> str:
    """Say which seeds there are, and how many of those that the paper's file names they are.

    >>> seeds_in_words([Job("gin", 1, (), Path()), Job("gcn", 1, (), Path())], [1, 2, 3], {1, 2, 3})
    'seed 1 (one of 3 named; the others are not finished)'
    """
    there = sorted({job.seed for job in jobs})
    told = f"seed{'s' * (len(there) > 1)} {', '.join(map(str, there))}"
    if len(there) == len(named):
        return told
    reasons = ["are not finished"] * (len(there) < len(asked_for))
    reasons += ["were not asked for"] * (len(asked_for) < len(named))
    number = "one" if len(there) == 1 else len(there)
    return f"{told} ({number} of {len(named)} named; the others {' or '.join(reasons)})"


def require_a_whole_seed(name: str, runs: PaperRuns, scale: str) -> None:
    """Raise InputError where no seed has all its runs: a page of nothing would replace one of something."""
    if not runs.of_whole_seeds().jobs:
        left = f"{len(runs.left())} of {len(runs.jobs)} are left to run"
        expected = f"of no seed at scale {scale} all runs are there ({left}); without --finished they are made"
        raise InputError("--finished", name, expected)


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


def run_all(runs: PaperRuns, at_once: int, threads: int | None) -> list[Job]:
    """Run what is not finished yet, `at_once` at a time, on so many threads each; return the jobs that failed."""
    waiting = runs.left()
    earlier = len(runs.jobs) - len(waiting) - len(runs.taken())
    print(f"{len(runs.jobs)} runs, {earlier} of them finished earlier", file=sys.stderr)
    cores = threads or max(1, (os.cpu_count() or 1) // at_once)
    ended = play_all(waiting, lambda job: runs.play(job, cores), at_once)
    failed = {job for job, succeeded in track(ended, "running experiments", len(waiting)) if not succeeded}
    return [job for job in waiting if job in failed]


if __name__ == "__main__":
    sys.exit(exit_code(main, "what has ended is kept"))
