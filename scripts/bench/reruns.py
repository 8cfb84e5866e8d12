"""The same command again, when the store has all that it trained: seconds, processors, memory."""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
from pathlib import Path

from scripts.bench.command import Run, run
from telltale.papers.grid_view import markdown

# by what it is: its words, and the seconds that a rerun may take
COMMANDS: dict[str, tuple[list[str], float]] = {
    "the main job": ([], 8.0),
    "`attack=lira` with its rivals and controls": (["attack=lira"], 5.0),
}
AGAIN = 3


def measure(words: list[str], scale: str = "small", again: int = AGAIN) -> tuple[Run, list[Run], float]:
    """Run a command from an empty store and caches, and then `again` times from what the first left; its peak in GB."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "run0" / "run.json"
        command = [*words, f"scale={scale}", "logger=none", f"paths.outputs={folder}"]
        runs = [run([*command, f"hydra.run.dir={folder}/run{turn}"]) for turn in range(again + 1)]
        peak = float(json.loads(record.read_text(encoding="utf-8"))["peak_memory_gb"])
    return runs[0], runs[1:], peak


def section() -> str:
    """Return the section of docs/benchmarks.md."""
    rows = []
    for name, (words, wanted) in COMMANDS.items():
        print(f"measuring {name}, again and again …", file=sys.stderr)
        first, later, peak = measure(words)
        rows.append(
            [
                name,
                f"{first.seconds:.0f} s",
                f"{statistics.median(run.seconds for run in later):.1f} s",
                f"{wanted:g} s",
                f"{statistics.median(run.processors for run in later):.1f} s",
                f"{first.seconds / statistics.median(run.seconds for run in later):.1f}",
                _starts(later[-1].said),
                f"{peak:.2f} GB",
            ]
        )
    head = ["`scale=small`", "from nothing", "again", "wanted below", "of processors", "times faster"]
    head += ["its attack starts after", "peak memory of the first"]
    return (
        "## The same command again\n\nFrom an empty store and caches, and from what that left: medians of "
        f"{AGAIN} reruns. Peak memory is what `run.json` says of the first.\n\n"
        f"{markdown([head, *rows])}\n"
    )


def _starts(said: str) -> str:
    found = re.search(r"the attack starts ([\d.]+) s", said)
    return f"{float(found[1]):.1f} s" if found else "–"
