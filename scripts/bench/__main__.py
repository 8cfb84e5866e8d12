"""Measure everything that is said about speed and write docs/benchmarks.md: `make bench`."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.bench import command, featurisation, substructure

NOT_MEASURED = "## GPU\n\nNot available: nothing has been measured on a GPU yet.\n"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def main() -> None:
    """Run the benchmarks one after the other, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    sections = [section() for section in (truth_matching, features, commands)]
    page = "\n".join([_head(), *sections, NOT_MEASURED])
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(page, encoding="utf-8")
    print(page)


def truth_matching() -> str:
    """Compare the search for candidates in training molecules with the scans it replaces."""
    measured = _told("truth matching", partial(substructure.measure, repeats=1))
    rows = [
        [name, f"{one['seconds']:.2f} s", f"{one['ratio']:.1f}", "yes" if one["identical"] else "NO"]
        for name, one in measured["methods"].items()
    ]
    share = (
        f"{measured['miss_share']:.0%} of the candidates are misses; index built in {measured['build_seconds']:.1f} s."
    )
    table = _table(["20,000 molecules × 1,000 candidates", "time", "times ours", "same answers"], rows)
    return f"## Truth matching\n\nIs a candidate part of any training molecule? {share}\n\n{table}\n"


def features() -> str:
    """Compare a first start's featurisation with a later one's."""
    measured = _told("featurisation", featurisation.measure)
    rows = [
        ["first start", f"{measured['first_seconds']:.2f} s", ""],
        ["from the cache", f"{measured['later_seconds']:.3f} s", f"{measured['ratio']:.0f} times faster"],
    ]
    return f"## Graphs of {measured['molecules']:,} molecules\n\n{_table(['', 'time', ''], rows)}\n"


def commands() -> str:
    """Time start-up, and the main job from an empty and from a full store."""
    measured = _told("the main job, twice", command.job)
    rows = [
        ["`python -m src.run --help`", f"{command.start_up(['--help']):.2f} s"],
        ["`python -m src.run --cfg job`", f"{command.start_up(['--cfg', 'job']):.2f} s"],
        ["main job, `scale=small`, empty store and caches", f"{measured['empty_store_seconds']:.0f} s"],
        [
            "the same again, from the store",
            f"{measured['full_store_seconds']:.0f} s ({measured['ratio']:.1f} times faster)",
        ],
        ["its attack starts, after the process", f"{measured['attack_starts_after_seconds']:.1f} s"],
        ["peak resident memory of the first", f"{measured['peak_memory_gb']:.2f} GB"],
    ]
    return f"## The command\n\n{_table(['', ''], rows)}\n"


def _told(name: str, measure: Callable[[], dict]) -> dict:
    print(f"measuring {name} …", file=sys.stderr)
    return measure()


def _head() -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "rdkit", "torch-geometric"))
    machine = f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, {versions}"
    return (
        "# Benchmarks\n\nWritten by `make bench`; each ratio is from one run, side by side.\n\n"
        f"Machine: {machine}. Date: {time.strftime('%Y-%m-%d')}.\n"
    )


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
