"""A paper's page in docs/: what a reader must know first, what holds, then verdicts, tables, grids and laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from telltale.papers import table_view
from telltale.papers.claims_table import verdicts
from telltale.papers.curve import Curve
from telltale.papers.curve_view import Points, curve_figure
from telltale.papers.grid import Cell, Grid
from telltale.papers.grid_view import Cautions, Cells, file_name, grid_figure, grid_page
from telltale.papers.judging import Tested
from telltale.papers.ratio_law import RatioLaw
from telltale.papers.ratio_law_view import Fits, described, law_figure, law_page
from telltale.papers.table import Table
from telltale.papers.table_view import Lines
from telltale.reporting.figures import save_png
from telltale.reporting.reconstruction_figures import accuracy_against_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Page:
    """What a paper's page is made of.

    title     of the paper, with the scale
    about     Markdown that stands first
    reading   Markdown on what holds, its figures filled in; "" = nothing
    command   what writes the page
    rests_on  which seeds, and which code made them
    tested    the claims, judged
    grids, tables, curves, laws  with what was measured of each
    more      Markdown that stands last; "" = nothing
    cautions  what is to be said of a grid's figures, by its title
    """

    title: str
    about: str
    reading: str
    command: str
    rests_on: str
    tested: Sequence[Tested]
    grids: Sequence[tuple[Grid, Cells]]
    tables: Sequence[tuple[Table, Lines]]
    curves: Sequence[tuple[Curve, Points]]
    laws: Sequence[tuple[RatioLaw, Fits]] = ()
    more: str = ""
    cautions: Cautions = field(default_factory=dict)


class Interval(NamedTuple):
    """A number with the ends of its interval."""

    value: float
    low: float
    high: float


def write_page(file: Path, page: Page) -> list[Path]:
    """Write the page, and the figures that it shows beside it, as `<page>_<title>.png`; returns the files."""
    written = f"What is below the first part is written by `{page.command}`. It rests on {page.rests_on}."
    parts = [f"# {page.title}", page.about.strip(), page.reading.strip(), written]
    file.parent.mkdir(parents=True, exist_ok=True)
    files = [file]
    for title, figure, seen in _figures(page):
        files.append(save_png(figure, file.parent / f"{file.stem}_{file_name(title)}.png"))
        parts.append(f"![{seen}]({files[-1].name})")
    parts += ["## Verdicts", verdicts(page.tested)]
    parts += [table_view.page(table, lines) for table, lines in page.tables]
    parts += [grid_page(grid, cells, page.cautions.get(grid.title, ())) for grid, cells in page.grids]
    parts += [*(law_page(law, fits) for law, fits in page.laws), page.more.strip()]
    file.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")
    return files


def _figures(page: Page) -> Iterator[tuple[str, Figure, str]]:
    """Yield the title of each figure, the figure, and what it says to who does not see it."""
    for table, lines in page.tables:
        if table.figure and (releases := _releases(table, lines)):
            title = f"{table.title}, accuracy against error"
            yield title, accuracy_against_error(releases, attack=""), title
    for grid, cells in page.grids:
        if grid.figure and cells:
            yield grid.title, grid_figure(grid, cells), grid.title
    for curve, points in page.curves:
        if points:
            yield curve.title, curve_figure(curve, points), curve.title
    for law, fits in page.laws:
        if any(fit.found for fit in fits.values()):
            yield law.title, law_figure(law, fits), described(law, fits)


def _releases(table: Table, lines: Lines) -> dict[str, dict[str, Interval]]:
    """Return accuracy and error of each row that has both."""
    measured: dict[str, dict[str, Cell | None]] = {
        label: dict(zip(table.columns, cells, strict=True)) for label, cells in lines.items()
    }
    return {
        label: {name: Interval(*cell) for name in ("accuracy", "mape") if (cell := cells[name]) is not None}
        for label, cells in measured.items()
        if cells["accuracy"] and cells["mape"]
    }
