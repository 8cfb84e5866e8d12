"""The end of a run on the console: the answer, one table a person can read, then what it means."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from telltale.evaluation.answer import CANNOT_TELL, LEAKS, NONE_FOUND
from telltale.evaluation.extraction import LeakageEstimate
from telltale.evaluation.statistics import Estimate
from telltale.reporting.answering import Spoken
from telltale.reporting.outcome import ROLES
from telltale.reporting.sentences import UNKNOWN, data_sentence, interval, leakage_sentence, metric_title, verdict
from telltale.reporting.summary import Metrics, Summary
from telltale.writing import escape_rest

WIDE = 140  # characters where there is no terminal and nothing says how many
NARROW = 120  # below, only what is read first is shown
COLOURS = {LEAKS: "bold red", NONE_FOUND: "bold green", CANNOT_TELL: "bold yellow"}
BETWEEN = 3  # characters from one cell of a table to the next


@dataclass(frozen=True)
class Column:
    """A column of the table: its title and its cells in the order of the rows; brief: a narrow console has it too."""

    title: str
    cells: Sequence[str]
    brief: bool = False

    @property
    def least(self) -> int:
        """Characters below which a cell or a word of the title would be cut."""
        pieces = [*self.title.split(" "), *(line for cell in self.cells for line in cell.split("\n"))]
        return max(map(len, pieces), default=0)


def print_summary(summary: Summary, console: Console | None = None) -> None:
    """Print the end of a run: a table of attack, rivals, controls and variants, then what it means, line by line."""
    out = console or wide_console()
    if told := data_sentence(summary.data):
        _print(out, told, "data")
    if summary.answer:
        _print_answer(out, summary.answer)
    for line in summary.heading.lines():
        _print(out, line, style="bold")
    table, hidden = _table(summary, out.width)
    out.print(table)
    for name, text in [*([("on the page", hidden)] if hidden else []), *_lines(summary)]:
        _print(out, text, name)
    if summary.report:
        out.print(Text(f"report  {summary.report}"), soft_wrap=True)  # a wrapped path cannot be clicked


def _print_answer(out: Console, answer: Spoken) -> None:
    """Print whether it leaks, what that means, and what to type next; a command stays in one line, to be copied."""
    _print(out, answer.sentence, style=COLOURS[answer.kind])
    for text in answer.meaning:
        _print(out, text)
    for step in answer.steps:
        _print(out, f"{step.why}" + (f" ({step.remark})" if step.remark else "") + ":")
        out.print(Text(f"  $ {step.command}"), soft_wrap=True)
    out.print()


def _print(out: Console, text: str, name: str = "", style: str = "") -> None:
    """Print a line, folded between words so that what it continues is seen."""
    whole = f"{name}  {text}" if name else text
    folded = textwrap.wrap(whole, out.width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    out.print(Text("\n".join(folded), style=style), soft_wrap=True)


def _table(summary: Summary, width: int) -> tuple[Table, str]:
    """Lay out what a person reads first on a console of `width` characters; returns what it has no room for, too."""
    names = list(summary.titles)
    every = _columns(summary, names)
    widest_name = max((len(_label(summary, name)) for name in names), default=0)
    shown = [column for column in every if column.brief or width >= NARROW]
    while len(shown) > 1 and _width(shown, widest_name) > width:
        shown.remove(next((column for column in reversed(shown) if not column.brief), shown[-1]))
    room = max(width - _width(shown, 0), 12)
    table = Table()
    table.add_column("", min_width=min(widest_name, room), max_width=room, overflow="fold")
    tight = sum(max(column.least, len(column.title)) + BETWEEN for column in shown) + widest_name + BETWEEN + 1 > width
    for column in shown:  # where titles have no room, they are folded here: a table would be pressed beyond its edge
        title = textwrap.fill(column.title, column.least, break_on_hyphens=False) if tight else column.title
        table.add_column(Text(title), justify="right", min_width=column.least)
    for role in ROLES:
        of_role = [place for place, name in enumerate(names) if summary.roles[name] == role]
        if of_role:
            table.add_section()
        for place in of_role:
            cells = (Text(column.cells[place]) for column in shown)
            label = _label(summary, names[place])
            text = (
                Text(label) if role == "target" else Text.assemble((f"{role} ", "dim"), label.removeprefix(f"{role} "))
            )
            table.add_row(text, *cells, style="bold" if role == "target" else "")
    return table, ", ".join(column.title for column in every if column not in shown)


def _columns(summary: Summary, names: Sequence[str]) -> list[Column]:
    """Return the metrics that are read first, then what the evidence cost."""
    return [
        Column(
            metric_title(metric),
            [interval(summary.evidence[name].get(metric)) for name in names],
            metric in (summary.brief or summary.present),
        )
        for metric in summary.present
    ] + [Column(title, [texts.get(name, "–") for name in names]) for title, texts in summary.columns.items()]


def _width(columns: Sequence[Column], name: int) -> int:
    return name + BETWEEN + 1 + sum(column.least + BETWEEN for column in columns)


def _label(summary: Summary, name: str) -> str:
    role = summary.roles[name]
    return summary.titles[name] if role == "target" else f"{role} {summary.titles[name]}"


def _lines(summary: Summary) -> list[tuple[str, str]]:
    """Return what stands below the table, each line with its name."""
    discordant, notes = summary.discordant, [*summary.notes, *_cautions(summary.target, summary.present)]
    seconds = " · ".join(f"{stage} {time:.1f}" for stage, time in summary.seconds.items())
    told = f"{verdict(discordant)}: {interval(discordant)}" if discordant else ""
    return [
        *(("leakage", f"{title} {leakage_sentence(of)}") for title, of in summary.leakages().items()),
        *([("rivals", summary.versus)] if summary.versus else []),
        *([("only in G against only in G′", told)] if told else []),
        *([("model", summary.success)] if summary.success else []),
        *(("note", text) for text in dict.fromkeys(notes)),
        *([("queries", _counts(summary.queries))] if summary.queries else []),
        *([("seconds", seconds)] if seconds else []),
    ]


def print_sweep_table(rows: Sequence[Mapping[str, Any]], title: str = "sweep", console: Console | None = None) -> None:
    """Print one row a job; columns are all keys met, in that order; an `Estimate` has its interval.

    What is the same in every job stands in the title instead of a column. Where the console is too narrow, columns are
    left out from the right: `summary.csv` has them all.
    """
    out = console or wide_console()
    names = list(dict.fromkeys(name for row in rows for name in row))
    same = [name for name in names if len(rows) > 1 and len({_cell(row.get(name)) for row in rows}) == 1]
    swept = {name for name in names if "." in name and "_fpr_" not in name}  # options, which keep their names
    titles = {name: name if name in swept else metric_title(name) for name in names}
    columns = {name: Column(titles[name], [_cell(row.get(name)) for row in rows]) for name in names}
    shown = {name: column for name, column in columns.items() if name not in same}
    while len(shown) > 1 and _width(list(shown.values()), -BETWEEN) > out.width:
        shown.popitem()
    shared = ", ".join(f"{titles[name]} {_cell(rows[0].get(name))}" for name in same)
    hidden = ", ".join(titles[name] for name in names if name not in same and name not in shown)
    for line in filter(None, (title, shared, f"in summary.csv: {hidden}" if hidden else "")):
        _print(out, line, style="bold")
    table = Table()
    for name, column in shown.items():
        numbers = any(isinstance(row.get(name), Estimate | float | int) for row in rows)
        table.add_column(Text(column.title), justify="right" if numbers else "left", min_width=column.least)
    for place in range(len(rows)):
        table.add_row(*(Text(column.cells[place]) for column in shown.values()))
    out.print(table)


def print_reasons(reasons: Mapping[str, str], console: Console | None = None) -> None:
    """Print one line a job of a sweep that failed: why."""
    out = console or wide_console()
    for job, reason in reasons.items():
        _print(out, f"job {job}: {reason}")


def wide_console(errors: bool = False) -> Console:
    """Return the standard console; where there is neither a terminal nor COLUMNS (a log file), a wide one.

    What it has no letters for, such as a name that is no UTF-8, is written escaped. errors: that of standard error.
    """
    escape_rest(sys.stderr if errors else sys.stdout)
    console = Console(stderr=errors)
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(stderr=errors, width=WIDE)


def _cautions(target: Metrics, present: Sequence[str]) -> list[str]:
    notes = {name: target[name].note for name in present if name in target}
    return [f"{metric_title(name)}: {note}" for name, note in notes.items() if note and not note.startswith(UNKNOWN)]


def _counts(queries: Mapping[str, int]) -> str:
    total = f"{sum(queries.values()):,}"
    return f"{total} ({', '.join(f'{call} {count:,}' for call, count in queries.items())})"


def _cell(value: Any) -> str:
    if isinstance(value, Estimate | LeakageEstimate):
        return interval(value)
    if isinstance(value, float):
        return f"{value:.3f}"
    return "–" if value is None else str(value)
