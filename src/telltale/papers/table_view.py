"""How a table of a paper's runs is written: Markdown, a value with its interval in each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from telltale.papers.grid import Cell
from telltale.papers.grid_view import cell_text, markdown
from telltale.papers.table import Table

Lines = Mapping[str, Sequence[Cell | None]]


def write_tables(tables: Sequence[tuple[Table, Lines]], folder: Path) -> Path:
    """Write tables.md; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "tables.md"
    file.write_text("\n\n".join(page(table, lines) for table, lines in tables) + "\n", encoding="utf-8")
    return file


def page(table: Table, lines: Lines) -> str:
    """Write one table."""
    rows = [[label, *map(cell_text, cells)] for label, cells in lines.items()]
    head = f"## {table.title}\n\nMeans over seeds [95 % interval]\n\n"
    return head + markdown([["", *table.columns.values()], *rows])
