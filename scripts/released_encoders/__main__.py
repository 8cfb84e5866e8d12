"""Attack encoders that others released, bare and fine-tuned on BBBP; write docs/released_encoders.md and its figure.

python -m scripts.released_encoders [--encoders FOLDER] [--tasks FOLDER] [--scale small] [--jobs 2] [--page FILE]

ENCODERS has state dicts of Hu et al. (2020) as safetensors, named KIND_….safetensors; TASKS MoleculeNet's bbbp.csv.
What is finished is found again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from scripts.ending import exit_code
from scripts.jobs import ROOT, play_all
from scripts.released.encoders import FOLDER
from scripts.released_encoders.page import PICTURE, agreement_table, figure, page, ranking_table, tuning_table
from scripts.released_encoders.ranking import rank
from scripts.released_encoders.tuning import SIZES, Start, Tuned, read, run_of, starts
from telltale.data.kept import Kept
from telltale.errors import InputError
from telltale.papers.grid_view import markdown
from telltale.reporting.figures import save_png
from telltale.store.store import Store
from telltale.writing import write_text

PAGE = ROOT / "docs" / "released_encoders.md"
TASKS = Path("../shared/data/moleculenet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Rank, fine-tune, attack, print the tables and write the page; 1 where a run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", type=Path, default=FOLDER)
    parser.add_argument("--tasks", type=Path, default=TASKS)
    parser.add_argument("--scale", default="small", choices=sorted(SIZES))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    parser.add_argument("--folder", type=Path, default=Path("outputs/released_encoders"))
    parser.add_argument("--page", type=Path, help=f"default {PAGE.relative_to(ROOT)}, at scale small")
    options = parser.parse_args(arguments)
    if not any(options.encoders.glob("*.safetensors")):
        raise InputError("--encoders", options.encoders, "a folder with KIND_….safetensors, e.g. gcn_contextpred")
    folder = options.folder / options.scale
    tuned, failed = tune(options.encoders, options.tasks, options.scale, folder, max(1, options.jobs))
    rankings = rank(options.encoders, options.scale, Kept(Store(folder / "store")))
    for rows in (ranking_table(rankings), agreement_table(rankings), tuning_table(tuned)):
        print(markdown(rows), end="\n\n")
    if place := options.page or (PAGE if options.scale == "small" and not failed else None):
        write_text(place, page(rankings, tuned, options.scale))
        print(place, save_png(figure(rankings), place.parent / PICTURE))
    for start in failed:
        print(f"failed: fine-tuned from {start.name}; see {folder}/*.log", file=sys.stderr)
    return 1 if failed else 0


def tune(encoders: Path, tasks: Path, scale: str, folder: Path, at_once: int) -> tuple[list[Tuned], list[Start]]:
    """Fine-tune from every start and attack, where that is not finished; returns what came out, and what failed."""
    if not (tasks / "bbbp.csv").is_file():
        print(f"nothing is fine-tuned: there is no bbbp.csv in {tasks}", file=sys.stderr)
        return [], []
    runs = {start: run_of(start, scale, tasks, folder) for start in starts(encoders)}
    waiting = [start for start, run in runs.items() if not run.is_finished()]
    play = partial(_played, runs)
    failed = [start for start, succeeded in play_all(waiting, play, at_once) if not succeeded]
    return [read(start, run) for start, run in runs.items() if start not in failed], failed


def _played(runs: dict, start: Start) -> bool:
    return bool(runs[start].play(threads=1))


if __name__ == "__main__":
    sys.exit(exit_code(main))
