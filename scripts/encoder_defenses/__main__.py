"""Attack encoders of molecules under each defence, and measure what they are still good for; write a page and a figure.

python -m scripts.encoder_defenses [--scale small] [--tasks FOLDER] [--only NAME …] [--jobs 2] [--page FILE] [--fresh]

TASKS is a folder with MoleculeNet's bbbp.csv and bace.csv; without it the probe is of B3DB alone, which comes along.
What is finished is found again while the code that makes it stays as it is; encoders come from the store.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.encoder_defenses.page import PICTURE, figure, page, table
from scripts.encoder_defenses.rows import ATTACKS, ROWS, SCALES, Row, is_finished, read, run_of
from scripts.encoder_defenses.untrained import untrained_probes
from scripts.ending import exit_code
from scripts.jobs import ROOT, play_all
from telltale.errors import InputError
from telltale.papers.grid_view import markdown
from telltale.reporting.figures import save_png
from telltale.writing import write_text

PAGE = ROOT / "docs" / "encoder_defenses.md"
TASKS = Path("../shared/data/moleculenet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, cheap rows first, and write table, page and figure; 1 where a run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="small", choices=sorted(SCALES))
    parser.add_argument("--tasks", type=Path, default=TASKS)
    parser.add_argument("--only", nargs="*", default=[], help=f"rows: {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    parser.add_argument("--folder", type=Path, default=Path("outputs/encoder_defenses"))
    parser.add_argument("--page", type=Path, help=f"default {PAGE.relative_to(ROOT)}, of all rows at scale small")
    parser.add_argument("--fresh", action="store_true", help="run again what is finished; trained models are kept")
    options = parser.parse_args(arguments)
    if unknown := set(options.only) - {row.name for row in ROWS}:
        raise InputError("--only", sorted(unknown)[0], f"one of {', '.join(row.name for row in ROWS)}")
    tasks = options.tasks.resolve() if options.tasks.is_dir() else None
    folder = options.folder / options.scale
    chosen = [row for row in ROWS if not options.only or row.name in options.only]
    failed = measure(chosen, options.scale, tasks, folder, max(1, options.jobs), options.fresh)
    found = [read(row, folder) for row in chosen if is_finished(row, options.scale, tasks, folder)]
    objectives = dict.fromkeys(one.row.objective for one in found)
    untrained = {name: untrained_probes(name, options.scale, tasks, folder) for name in objectives}
    print(markdown(table(found, untrained)))
    whole = options.scale == "small" and not options.only
    if found and (place := options.page or (PAGE if whole else None)):
        write_text(place, page(found, options.scale, tasks is not None, untrained))
        print(place, save_png(figure(found, untrained), place.parent / PICTURE))
    for row in failed:
        print(f"failed: {row.name}; see {folder / row.name}*.log", file=sys.stderr)
    return 1 if failed else 0


def measure(rows: Sequence[Row], scale: str, tasks: Path | None, folder: Path, at_once: int, fresh: bool) -> list[Row]:
    """Play what is not finished, `at_once` rows at a time; return the rows that failed."""
    waiting = [row for row in rows if fresh or not is_finished(row, scale, tasks, folder)]
    print(f"{len(rows)} rows, {len(rows) - len(waiting)} of them there", file=sys.stderr)

    def play(row: Row) -> bool:
        runs = [run_of(row, attack, scale, tasks, folder) for attack in ATTACKS]
        return all(one.play(threads=1) for one in runs if fresh or not one.is_finished())

    failed = []
    for number, (row, succeeded) in enumerate(play_all(waiting, play, at_once), 1):
        print(f"{number} of {len(waiting)}: {row.name} {'done' if succeeded else 'failed'}", file=sys.stderr)
        failed += [] if succeeded else [row]
    return failed


if __name__ == "__main__":
    sys.exit(exit_code(main))
