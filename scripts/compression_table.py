"""Lay the runs of `make reproduce-paper PAPER=quantized_encoding` out as tables and curves over seeds.

python -m scripts.compression_table [FOLDER …] [--figure FILE]

FOLDER: of one experiment, with a folder for each seed, e.g. outputs/papers/quantized_encoding/small/digits.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from telltale.evaluation.statistics import Estimate
from telltale.papers.grid_view import markdown
from telltale.reporting.figures import save_png
from telltale.reporting.reconstruction_figures import CELL, accuracy_against_error

DEFAULT = Path("outputs/papers/quantized_encoding/small/digits")
COLUMNS = ("accuracy", "correlation", "mape", "badly_encoded", "minmax_mape", "minmax_badly_encoded", "recognised")
Seeds = Mapping[str, Mapping[str, np.ndarray]]  # release -> metric -> (seeds,)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a page for each folder and draw its curves; 2 where there is no finished run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", default=[DEFAULT])
    parser.add_argument("--figure", type=Path, help="PNG of accuracy against error, a band over seeds each")
    options = parser.parse_args(arguments)
    for folder in options.folders:
        found = read(folder)
        if not found:
            print(f"error: {folder}: no seed*/metrics.json; run make reproduce-paper first", file=sys.stderr)
            return 2
        print(page(folder.name, found))
        if options.figure:
            print(save_png(accuracy_against_error(estimates(found)), options.figure))
    return 0


def read(folder: Path) -> Seeds:
    """Read the values of all releases, whichever seeds are finished."""
    documents = [json.loads(file.read_text()) for file in sorted(folder.glob("seed*/metrics.json"))]
    runs = [{"target": one["metrics"], **one["controls"], **one.get("variants", {})} for one in documents]
    names = list(dict.fromkeys(name for run in runs for name in run))
    return {name: _columns([run[name] for run in runs if name in run]) for name in names}


def _columns(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, np.ndarray]:
    shared = set.intersection(*(set(run) for run in runs))
    values = {name: [run[name]["value"] for run in runs] for name in sorted(shared)}
    return {name: np.array(one, float) for name, one in values.items()}


def page(title: str, found: Seeds) -> str:
    """Write two Markdown tables: releases by metrics; bits and modes by quantizers."""
    head = ["release", *(name.replace("_", " ") for name in COLUMNS)]
    plain = [
        [name, *(told(one, metric) for metric in COLUMNS)] for name, one in found.items() if not CELL.fullmatch(name)
    ]
    cells = {name: cell for name in found if (cell := CELL.fullmatch(name))}
    quantizers = list(dict.fromkeys(cell["quantizer"] for cell in cells.values()))
    rows = list(dict.fromkeys((cell["bits"], cell["mode"]) for cell in cells.values()))
    table = [
        [f"{bits}, {mode}", *(_cell(found.get(f"{quantizer} {bits} bit, {mode}")) for quantizer in quantizers)]
        for bits, mode in rows
    ]
    seeds = max(len(one["mape"]) for one in found.values())
    said = "accuracy / moment MAPE / share badly encoded / min-max MAPE / share badly encoded, means over seeds"
    parts = [f"## {title} ({seeds} seeds; mean ± standard deviation)", "", markdown([head, *plain])]
    parts += ["", said, "", markdown([["bits, mode", *quantizers], *table])] if table else []
    return "\n".join(parts) + "\n"


def told(one: Mapping[str, np.ndarray], metric: str) -> str:
    """Return mean and standard deviation over seeds, "–" where nothing was measured."""
    if metric not in one:
        return "–"
    spread = f" ± {one[metric].std(ddof=1):.3f}" if len(one[metric]) > 1 else ""
    return f"{one[metric].mean():.3f}{spread}"


def estimates(found: Seeds) -> dict[str, dict[str, Estimate]]:
    """Return means with their range over seeds as interval ends: the band of a curve."""
    return {
        name: {metric: Estimate(float(values.mean()), values, len(values)) for metric, values in one.items()}
        for name, one in found.items()
    }


def _cell(one: Mapping[str, np.ndarray] | None) -> str:
    if one is None:
        return "–"
    means = {name: one[name].mean() for name in COLUMNS if name in one}
    moment = f"{means['mape']:.1f} / {means['badly_encoded']:.2f}"
    return f"{means['accuracy']:.3f} / {moment} / {means['minmax_mape']:.1f} / {means['minmax_badly_encoded']:.2f}"


if __name__ == "__main__":
    sys.exit(main())
