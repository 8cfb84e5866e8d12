"""Torture the command: kills, races, damaged files, full disks, signals, nonsense; what must hold, counted.

python -m scripts.torture [kills|races|damage|disks|signals|command_lines …] [--trials N] [--seed N] [--folder F]

Without names: all that there are. Prints a table and writes torture.json into the folder; exit code 1 where anything
was wrong, changed without a word, or ended in a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.ending import exit_code
from scripts.torture.row import Row
from telltale.reporting.metrics_file import write_json

TESTS = ("kills", "races", "damage", "disks", "signals", "command_lines")
COLUMNS = ("test", "faults", "survived", "wrong", "silent", "tracebacks", "note")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests named; 0 where all is well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", metavar="TEST", help=f"of {', '.join(TESTS)}")
    parser.add_argument("--trials", type=int, default=50, help="faults of each test, about (default 50)")
    parser.add_argument("--seed", type=int, default=0, help="that places and times are drawn from")
    parser.add_argument("--folder", type=Path, help="kept, for scratch and torture.json; default: a temporary one")
    options = parser.parse_args(arguments)
    if unknown := set(options.tests) - set(TESTS):
        parser.error(f"no such test: {', '.join(sorted(unknown))}; of {', '.join(TESTS)}")
    names = [name for name in options.tests or TESTS if importlib.util.find_spec(f"scripts.torture.{name}")]
    with tempfile.TemporaryDirectory(prefix="torture-") as temporary:
        folder = Path(options.folder or temporary).resolve()
        rows = [row for name in names for row in play(name, options.trials, options.seed, folder)]
        document = {"trials": options.trials, "seed": options.seed, "rows": [asdict(row) for row in rows]}
        write_json((options.folder or Path.cwd()) / "torture.json", document)
    show(rows)
    return 0 if rows and all(row.is_well for row in rows) else 1


def play(name: str, trials: int, seed: int, folder: Path) -> list[Row]:
    """Run one test in a folder of its own."""
    scratch = folder / name
    scratch.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = importlib.import_module(f"scripts.torture.{name}").run(trials, seed, scratch)
    for row in rows:
        print(f"{name}: {row}", file=sys.stderr, flush=True)
    return rows


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()), style="" if row.is_well else "red")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(exit_code(main))
