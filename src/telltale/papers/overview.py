"""One table over all papers: how their verdicts come out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from telltale.papers.claims_file import Tally
from telltale.papers.claims_table import judged
from telltale.papers.grid_view import markdown
from telltale.reporting.console import wide_console

COLUMNS = ("paper", "claims", "holds", "does not hold", "cannot tell", "expected wrong, at most", "survive Holm")


def print_overview(scale: str, tallies: Mapping[str, Tally]) -> None:
    """Print a line a paper and their sum."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"All papers, scale {scale}"), title_style="bold", title_justify="left")
    for place, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if place else "left", no_wrap=not place)
    for row in rows(tallies):
        table.add_row(*map(Text, row))
    wide_console().print(table)


def write_overview(scale: str, tallies: Mapping[str, Tally], folder: Path) -> Path:
    """Write the same as claims_<scale>.md; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"claims_{scale}.md"
    text = f"# All papers, scale {scale}\n\n{judged()}\n\n{markdown([COLUMNS, *rows(tallies)])}\n"
    file.write_text(text, encoding="utf-8")
    return file


def rows(tallies: Mapping[str, Tally]) -> list[list[str]]:
    """Return the table's texts, the sum last."""
    counts = {name: [t.holds, t.fails, t.unknown, t.tested, t.survive] for name, t in tallies.items()}
    every = Tally(*(sum(column) for column in zip(*counts.values(), strict=True))) if counts else Tally(0, 0, 0, 0, 0)
    return [
        [name, *map(str, (t.claims, t.holds, t.fails, t.unknown)), f"{t.wrong:.1f}", str(t.survive)]
        for name, t in {**tallies, "all": every}.items()
    ]
