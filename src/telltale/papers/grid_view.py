"""How a grid of runs is shown: Markdown, console and a figure with one line a row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from telltale.papers.grid import Cell, Grid
from telltale.reporting.console import wide_console
from telltale.reporting.dots import dots
from telltale.reporting.figures import save_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cells = Mapping[tuple[str, str], Cell]  # row, column -> value, low, high
Cautions = Mapping[str, Sequence[str]]  # title of a grid -> what is to be said of its figures
SHARES = re.compile(r"auc|balanced_accuracy|(tpr|precision|recall)_at_.*|accuracy")  # metrics from 0 to 1


def print_grid(grid: Grid, cells: Cells) -> None:
    """Print the table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"{grid.title} ({grid.metric})"), title_style="bold", title_justify="left")
    for title in ("", *grid.columns.values()):
        table.add_column(Text(title), justify="left" if not title else "right")
    for row in _texts(grid, cells):
        table.add_row(*(Text(text.replace(" [", "\n[")) for text in row))
    wide_console().print(table)


def write_grids(grids: Sequence[tuple[Grid, Cells]], folder: Path, cautions: Cautions | None = None) -> list[Path]:
    """Write grids.md and a figure of each grid; returns the files. cautions: by the title of a grid."""
    folder.mkdir(parents=True, exist_ok=True)
    parts, files = [], [folder / "grids.md"]
    for grid, cells in grids:
        parts.append(grid_page(grid, cells, (cautions or {}).get(grid.title, ())))
        if cells:
            files.append(save_png(grid_figure(grid, cells), folder / f"{file_name(grid.title)}.png"))
    files[0].write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return files


def grid_figure(grid: Grid, cells: Cells) -> Figure:
    """Draw a line a row that has a figure, a place a column; an interval of a share ends where shares do."""
    nothing, rows = (np.nan,) * 3, {row: label for row, label in grid.rows.items() if any(row == of for of, _ in cells)}
    ends = (0.0, 1.0) if SHARES.fullmatch(grid.metric) else (-np.inf, np.inf)
    drawn = {place: (value, *np.clip(interval, *ends)) for place, (value, *interval) in cells.items()}
    series = {label: [drawn.get((row, name), nothing) for name in grid.columns] for row, label in rows.items()}
    return dots(series, list(grid.columns.values()), grid.title, grid.scale or grid.metric, grid.chance)


def file_name(title: str) -> str:
    """Make a title part of a file's name.

    >>> file_name("Strength of the encoding: digits, MLP")
    'strength_of_the_encoding_digits_mlp'
    """
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


def grid_page(grid: Grid, cells: Cells, cautions: Sequence[str] = ()) -> str:
    """Write one grid in Markdown, with what is to be said of its figures below it."""
    written = markdown([["", *grid.columns.values()], *_texts(grid, cells)])
    said = ["", f"Of figures here: {'; '.join(cautions)}."] if cautions else []
    return "\n".join([f"## {grid.title}", "", f"{grid.metric} [95 % interval over seeds]", "", written, *said])


def cell_text(cell: Cell | None) -> str:
    """Write a value with its interval, "–" where nothing was measured."""
    if cell is None:
        return "–"
    value, low, high = cell
    places = 3 if abs(value) < 10 else 1
    return f"{value:.{places}f} [{low:.{places}f}, {high:.{places}f}]" if np.isfinite(low) else f"{value:.{places}f}"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first row is its head."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _texts(grid: Grid, cells: Cells) -> list[list[str]]:
    return [
        [label, *(cell_text(cells.get((row, column))) for column in grid.columns)] for row, label in grid.rows.items()
    ]
