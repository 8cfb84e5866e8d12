"""The verdict table of a paper: console, Markdown and HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from telltale.papers.claims import Tested
from telltale.reporting.console import wide_console

COLUMNS = ("claim", "paper", "ours [95 % interval]", "verdict")


def print_claims(title: str, tested: Sequence[Tested]) -> None:
    """Print the table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_style="bold", title_justify="left", show_lines=True)
    for column, ratio in zip(COLUMNS, (5, 2, 2, 2), strict=True):
        table.add_column(column, ratio=ratio)
    for row in rows(tested):
        table.add_row(*map(Text, row))
    wide_console().print(table)


def write_claims(
    title: str, tested: Sequence[Tested], folder: Path, jobs: Iterable[tuple[str, int, Sequence[str]]]
) -> tuple[Path, Path]:
    """Write claims.md and claims.html, with the commands that made the figures."""
    commands = [f"python -m src.run {' '.join(overrides)}" for _, _, overrides in jobs]
    markdown, page = folder / "claims.md", folder / "claims.html"
    cells = [[cell.replace("|", "\\|").replace("\n", "<br>") for cell in row] for row in rows(tested)]
    lines = [f"# {title}", "", _line(COLUMNS), _line(["---"] * len(COLUMNS)), *map(_line, cells), "", "Runs:", ""]
    folder.mkdir(parents=True, exist_ok=True)
    markdown.write_text("\n".join([*lines, *(f"    {command}" for command in commands)]) + "\n", encoding="utf-8")
    page.write_text(_page(title, tested, commands), encoding="utf-8")
    return markdown, page


def rows(tested: Sequence[Tested]) -> list[list[str]]:
    """Return the table's texts: claim with its source, paper, ours with what is beyond controls, verdict."""
    return [
        [
            f"{test.claim.text}\n({test.claim.source})",
            test.claim.paper or "not available",
            _ours(test),
            f"{test.verdict}{f': {test.reason}' if test.reason else ''}",
        ]
        for test in tested
    ]


def _ours(tested: Tested) -> str:
    beyond = [f"over {name}: {_interval(*ends, signed=True)}" for name, ends in tested.rows.items()]
    quantity = tested.claim.quantity
    signed = quantity is not None and bool(quantity.minus or quantity.minus_experiments)
    return "\n".join([_interval(tested.value, tested.low, tested.high, signed), *beyond])


def _interval(value: float, low: float, high: float, signed: bool = False) -> str:
    if not np.isfinite(value):
        return "–"
    sign = "+" if signed else ""
    return f"{value:{sign}.3f} [{low:.3f}, {high:.3f}]" if np.isfinite(low) else f"{value:{sign}.3f}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _page(title: str, tested: Sequence[Tested], commands: Sequence[str]) -> str:
    def cell(text: str) -> str:
        return f"<td>{html.escape(text).replace(chr(10), '<br>')}</td>"

    style = (
        "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1f2937}"
        "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #e5e7eb;padding:.5rem;"
        "text-align:left;vertical-align:top}tr.holds td:last-child{color:#047857}"
        "tr.fails td:last-child{color:#b91c1c}pre{overflow-x:auto;font-size:12px}"
    )
    kinds = {"holds": "holds", "does not hold": "fails"}
    body = "".join(
        f'<tr class="{kinds.get(str(test.verdict), "unknown")}">{"".join(map(cell, row))}</tr>'
        for test, row in zip(tested, rows(tested), strict=True)
    )
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    listing = html.escape("\n".join(commands))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{style}</style><h1>{html.escape(title)}</h1><table><tr>{head}</tr>{body}</table>"
        f"<details><summary>Runs</summary><pre>{listing}</pre></details></html>\n"
    )
