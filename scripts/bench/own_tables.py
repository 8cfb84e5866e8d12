"""A CSV of 300,000 rows and 42 columns: kinds of columns, features, duplicates; pandas alone beside."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from telltale.data.tables.own_csv import load

ROWS, REAL, WHOLE, WORDS = 300_000, 28, 6, 7  # and a label
LIMIT = 3.0  # seconds


def made_up(rows: int = ROWS) -> pd.DataFrame:
    """Return real and whole numbers, words of 8 to 14 levels and a label; some of two columns are missing."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {f"real {at}": rng.normal(size=rows).round(4) for at in range(REAL)}
    columns |= {f"whole {at}": rng.integers(0, 100, rows) for at in range(WHOLE)}
    for at in range(WORDS):
        levels = np.array([f"level {level}" for level in range(8 + at)], dtype=object)
        columns[f"words {at}"] = levels[rng.integers(0, len(levels), rows)]
    table = pd.DataFrame(columns | {"label": np.array(["no", "yes"], dtype=object)[rng.integers(0, 2, rows)]})
    table.loc[rng.random(rows) < 0.05, "real 0"] = np.nan
    table.loc[rng.random(rows) < 0.05, "words 0"] = None
    return table


def measure(rows: int = ROWS, repeats: int = 3) -> dict[str, Any]:
    """Return seconds by the clock and of processors, the fastest of `repeats`, ours and pandas' in turn."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        made_up(rows).to_csv(file, index=False)
        ways = {"ours": lambda: load(str(file), label="label"), "pandas.read_csv alone": lambda: pd.read_csv(file)}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, way in ways.items():
                times[name].append(_seconds(way))
        megabytes = file.stat().st_size / 1e6
    fastest = {name: tuple(min(column) for column in zip(*of, strict=True)) for name, of in times.items()}
    return {"rows": rows, "columns": REAL + WHOLE + WORDS + 1, "megabytes": megabytes, "ways": fastest}


def section() -> str:
    """Return the section of docs/benchmarks.md."""
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    measured = measure()
    rows = "\n".join(f"| {name} | {wall:.2f} s | {busy:.2f} s |" for name, (wall, busy) in measured["ways"].items())
    head = f"| {measured['rows']:,} × {measured['columns']} | time | of processors |\n| --- | --- | --- |"
    machine = f"{time.strftime('%Y-%m-%d')}, `python -m scripts.bench --only tables`, load average {load_before:.1f}"
    what = "rows of another width found, kinds of columns inferred, features, duplicates"
    made = f"{measured['megabytes']:.0f} MB, made up; the fastest of three; at most {LIMIT:g} s wanted"
    return f"## Tables of your own\n\n{machine}. `dataset=csv`: {what}; {made}.\n\n{head}\n{rows}\n"


def _seconds(way: Callable[[], object]) -> tuple[float, float]:
    began, busy = time.perf_counter(), time.process_time()
    way()
    return time.perf_counter() - began, time.process_time() - busy
