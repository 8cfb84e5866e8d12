"""The law of epochs over members on scenes: what the runs of conf/paper/m4i_scenes.yaml say, as a Markdown table.

python -m scripts.caption_law [--scale small] [--folder outputs/papers] [--measured docs/measured]

It reads what `python -m scripts.reproduce_paper m4i_scenes` has finished, and runs nothing. Of each attack
d′ = √2 Φ⁻¹(AUC) = level · (epochs / members)^slope, and the same with a slope for each.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.paper_runs import PaperRuns, jobs_of, this_code
from scripts.reproduce_paper import read_paper
from telltale.evaluation.leakage_law import Cells, Form, Law, as_auc, expected_error, separation, steadied
from telltale.papers.asked import asked_of
from telltale.papers.grid import Cell, Grid, cells
from telltale.papers.grid_view import cell_text, markdown
from telltale.papers.results import Results

PAPER = "m4i_scenes"
NAMED = re.compile(r"n(\d+)_(\d+)")  # members, epochs
EPOCHS, MEMBERS = 24, 200  # the reference: where the law's level is
RATIO = Form("epochs / members", grouped=False, slopes=((1.0, -1.0),))
APART = Form("epochs, members", grouped=False, slopes=((1.0, 0.0), (0.0, 1.0)))
NORMAL = 1.959964  # of a 95 % interval
HEAD = ["attack", "cells", "slope of epochs / members", f"AUC at {EPOCHS} / {MEMBERS}", "slope of epochs", "of members"]


def measured(places: Sequence[tuple[int, int]], found: Sequence[Cell]) -> Cells:
    """Turn AUCs with 95 % intervals over seeds into the law's cells; places: members and epochs of each."""
    members, epochs = np.array(places, float).T
    auc, low, high = np.array(found, float).T
    expected = expected_error(np.clip(auc, 0.01, 0.99), members)
    error = np.where(np.isfinite(high - low), (high - low) / (2 * NORMAL), expected)
    value, spread = separation(auc, steadied(np.maximum(error, 1e-4), expected))
    factors = np.stack([np.log(epochs / EPOCHS), np.log(members / MEMBERS)], 1)
    return Cells(value, spread, np.zeros(len(value), int), factors)


def row(label: str, places: Sequence[tuple[int, int]], found: Sequence[Cell], replicates: int = 1000) -> list[str]:
    """Fit the law to one attack's cells; dashes where they are too few."""
    if len(places) <= len(APART.slopes) + 1:
        return [label, str(len(places)), "–", "–", "–", "–"]
    of = measured(places, found)
    ratio, apart = (Law.of(of, form, replicates) for form in (RATIO, APART))
    level = tuple(float(as_auc(np.array(end))) for end in ratio.level(0))
    slopes = (ratio.slope(0), apart.slope(0), apart.slope(1))
    texts = [cell_text(slope) for slope in slopes]
    return [label, str(len(places)), texts[0], cell_text((level[0], level[1], level[2])), *texts[1:]]


def table(paper: Mapping[str, object], results: Results) -> str:
    """Return the law of each attack of the grid of AUCs, in Markdown."""
    grids = [Grid.of(entry) for entry in paper["grids"]]  # type: ignore[attr-defined]
    grid = next(one for one in grids if one.metric == "auc" and all(map(NAMED.fullmatch, one.columns)))
    found, lines = cells(grid, results), [HEAD]
    for evidence, label in grid.rows.items():
        there = [column for column in grid.columns if (evidence, column) in found]
        named = [[int(number) for number in re.findall(r"\d+", column)] for column in there]
        places = [(members, epochs) for members, epochs in named]
        lines.append(row(label, places, [found[evidence, column] for column in there]))
    return markdown(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="small")
    parser.add_argument("--folder", type=Path, default=Path("outputs/papers"))
    parser.add_argument("--measured", type=Path, help="folder of kept figures")
    options = parser.parse_args(arguments)
    paper = read_paper(PAPER, options.scale)
    jobs = jobs_of(paper, options.scale, options.folder / PAPER / options.scale)
    shelf = options.measured / PAPER / options.scale if options.measured else None
    runs, _ = PaperRuns(jobs, this_code(), asked_of(paper), shelf).with_kept()
    print(table(paper, runs.results()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
