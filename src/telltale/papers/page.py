"""A paper's page in docs/: what a reader must know first, then the verdicts, grids and tables of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from telltale.papers import table_view
from telltale.papers.claims_table import verdicts
from telltale.papers.grid import Grid
from telltale.papers.grid_view import Cells, grid_page
from telltale.papers.judging import Tested
from telltale.papers.table import Table
from telltale.papers.table_view import Lines


def write_page(
    file: Path,
    title: str,
    about: str,
    command: str,
    rests_on: str,
    tested: Sequence[Tested],
    grids: Sequence[tuple[Grid, Cells]],
    tables: Sequence[tuple[Table, Lines]],
) -> Path:
    """Write the page; about: Markdown that stands first; command: what writes this; rests_on: which seeds.

    Returns the file.
    """
    head = [f"# {title}", about.strip(), f"All that follows is written by `{command}`. It rests on {rests_on}."]
    parts = [*head, "## Verdicts", verdicts(tested), *(table_view.page(table, lines) for table, lines in tables)]
    parts += [grid_page(grid, cells) for grid, cells in grids]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return file
