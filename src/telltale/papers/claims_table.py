"""The verdict table of a paper: console, Markdown and HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from telltale import __version__
from telltale.papers.claims_file import Flips, Tally
from telltale.papers.grid_view import markdown
from telltale.papers.judging import Tested
from telltale.papers.seeds import LEVEL
from telltale.reporting.console import wide_console

COLUMNS = ("claim", "paper", "ours [95 % interval]", "verdict", "survives Holm")
KINDS = {"holds": "holds", "does not hold": "fails"}
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1f2937}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #e5e7eb;padding:.5rem;"
    "text-align:left;vertical-align:top}tr.holds td:nth-child(4){color:#047857}"
    "tr.fails td:nth-child(4){color:#b91c1c}pre{overflow-x:auto;font-size:12px}"
)


def print_claims(title: str, tested: Sequence[Tested], flips: Flips | None = None) -> None:
    """Print the table, what must be expected to be wrong, and what flipped since earlier (None: no earlier one)."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_style="bold", title_justify="left", show_lines=True, expand=True)
    for column, ratio in zip(COLUMNS, (10, 3, 7, 8, 3), strict=True):
        table.add_column(column, ratio=ratio)
    for row in rows(tested):
        table.add_row(*map(Text, row))
    console = wide_console()
    console.print(table)
    console.print(Text(expected(tested)))
    for line in changes(flips):
        console.print(Text(line))


def write_claims(
    title: str,
    tested: Sequence[Tested],
    folder: Path,
    jobs: Iterable[tuple[str, int, Sequence[str]]],
    flips: Flips | None = None,
) -> tuple[Path, Path]:
    """Write claims.md and claims.html, with the commands that made the figures."""
    commands = [f"python -m src.run {' '.join(overrides)}" for _, _, overrides in jobs]
    page_md, page_html = folder / "claims.md", folder / "claims.html"
    after = [*changes(flips), ""] if flips is not None else []
    lines = [f"# {title}", "", verdicts(tested), "", *after, "Runs:", ""]
    folder.mkdir(parents=True, exist_ok=True)
    page_md.write_text("\n".join([*lines, *(f"    {command}" for command in commands)]) + "\n", encoding="utf-8")
    page_html.write_text(_page(title, tested, commands, flips), encoding="utf-8")
    return page_md, page_html


def verdicts(tested: Sequence[Tested]) -> str:
    """Write the table in Markdown, with the rules before it and what must be expected to be wrong after it."""
    cells = [[cell.replace("|", "\\|").replace("\n", "<br>") for cell in row] for row in rows(tested)]
    return "\n\n".join([judged(), markdown([COLUMNS, *cells]), expected(tested)])


def rows(tested: Sequence[Tested]) -> list[list[str]]:
    """Return the table's texts: claim with its source, paper, ours with what it is compared with, verdict, Holm."""
    return [
        [
            f"{test.claim.text}\n({test.claim.source})",
            test.claim.paper or "not available",
            _ours(test),
            f"{test.verdict}{f': {test.reason}' if test.reason else ''}",
            _survives(test),
        ]
        for test in tested
    ]


def judged() -> str:
    """Say by which rules a page was judged."""
    return (
        f"Judged by the rules of telltale {__version__}: a mean over seeds with Student's interval over seeds; a claim "
        "holds where its whole interval lies beyond its bound and that of each control it names, fails where one is "
        "missed, and cannot be told where too few records stand behind a figure or a ceiling shows no power."
    )


def expected(tested: Sequence[Tested]) -> str:
    """Say how many of the verdicts one must expect to be wrong.

    A claim is given a wrong verdict with probability 2.5 % at most, whether or not it could be decided.
    """
    tally = Tally.of(tested)
    decided, others = tally.holds + tally.fails, ""
    if tally.elsewhere:
        others = (
            f" {tally.elsewhere} more {'is' if tally.elsewhere == 1 else 'are'} decided by the runs of other papers"
        )
        others += ", and counted there."
    if not tally.tested:
        return f"None of {tally.claims} claims could be tested.{others}"
    return (
        f"Of {tally.claims} claims {tally.tested} were tested, each at {100 * LEVEL:g} % for a wrong verdict: of the "
        f"{decided} decided expect up to {tally.wrong:.1f} to be wrong; {tally.survive} survive Holm over the paper's "
        f"claims.{others}"
    )


def changes(flips: Flips | None) -> list[str]:
    """Return the lines on what flipped: none where there is nothing to compare with."""
    if flips is None:
        return []
    others = f" ({flips.new} claims are new or reworded, {flips.gone} are gone)" if flips.new or flips.gone else ""
    if not flips.changed:
        return [f"Verdicts that changed since the earlier table: none{others}."]
    listed = [f"- {claim}: {then} → {now}" for claim, then, now in flips.changed]
    return [f"Verdicts that changed since the earlier table{others}:", "", *listed]


def _survives(test: Tested) -> str:
    if test.survives is None:
        return "–"
    return f"{'yes' if test.survives else 'no'} (p {test.adjusted:.2g})"


def _ours(tested: Tested) -> str:
    beyond = [f"{name}: {_interval(*ends, signed=True)}" for name, ends in tested.rows.items()]
    quantity = tested.claim.quantity
    signed = quantity is not None and quantity.is_difference
    return "\n".join([_interval(tested.value, tested.low, tested.high, signed), *beyond])


def _interval(value: float, low: float, high: float, signed: bool = False) -> str:
    if not np.isfinite(value):
        return "–"
    sign = "+" if signed else ""
    return f"{value:{sign}.3f} [{low:.3f}, {high:.3f}]" if np.isfinite(low) else f"{value:{sign}.3f}"


def _page(title: str, tested: Sequence[Tested], commands: Sequence[str], flips: Flips | None) -> str:
    def cell(text: str) -> str:
        return f"<td>{html.escape(text).replace(chr(10), '<br>')}</td>"

    body = "".join(
        f'<tr class="{KINDS.get(str(test.verdict), "unknown")}">{"".join(map(cell, row))}</tr>'
        for test, row in zip(tested, rows(tested), strict=True)
    )
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    after = "".join(f"<p>{html.escape(line)}</p>" for line in [expected(tested), *changes(flips)] if line)
    listing = html.escape("\n".join(commands))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1><p>{html.escape(judged())}</p>"
        f"<table><tr>{head}</tr>{body}</table>{after}"
        f"<details><summary>Runs</summary><pre>{listing}</pre></details></html>\n"
    )
