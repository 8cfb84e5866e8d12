"""The end of a run on the console: one table a person can read, then what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from telltale.evaluation.extraction import LeakageEstimate
from telltale.evaluation.statistics import Estimate
from telltale.reporting.sentences import interval, leakage_sentence, metric_title, verdict
from telltale.reporting.summary import Metrics, Summary


def print_summary(summary: Summary, console: Console | None = None) -> None:
    """Print the end of a run: a table of target, rivals, controls and variants, then what it means, line by line."""
    out = console or wide_console()
    for line in summary.heading.lines():
        out.print(Text(line, style="bold"), soft_wrap=True)
    out.print(_table(summary, out.width))
    for line in _lines(summary):
        out.print(Text(line), soft_wrap=True)  # a wrapped path cannot be clicked


def _table(summary: Summary, width: int) -> Table:
    """Lay the metrics that a person reads first out on a console of `width` characters, one row a piece of evidence."""
    table, between = Table(), _break(len(summary.present), width - 14 * len(summary.columns))
    table.add_column("")
    for name in summary.present:
        table.add_column(Text(metric_title(name)), justify="right")  # a narrow console folds at spaces
    for title in summary.columns:
        table.add_column(Text(title), justify="right", max_width=12)
    for role in ("target", "rival", "control", "variant"):
        evidence = summary.metrics_of(role)
        if evidence:
            table.add_section()
        for name, metrics in evidence.items():
            table.add_row(
                Text.assemble(("" if role == "target" else f"{role} ", "dim"), name),
                *(Text(interval(metrics.get(metric)).replace(" [", between)) for metric in summary.present),
                *(Text(texts.get(name, "–")) for texts in summary.columns.values()),
                style="bold" if role == "target" else "",
            )
    return table


def _lines(summary: Summary) -> list[str]:
    """Return what stands below the table."""
    leakage = {name: summary.leakage[name] for name in summary.headlines if name in summary.leakage}
    discordant, notes = summary.discordant, [*summary.notes, *_cautions(summary.target, summary.present)]
    seconds = " · ".join(f"{stage} {time:.1f}" for stage, time in summary.seconds.items())
    return [
        *(f"leakage  {name} {leakage_sentence(estimate)}" for name, estimate in leakage.items()),
        *([f"rivals  {summary.versus}"] if summary.versus else []),
        *([f"only in G against only in G′  {verdict(discordant)}: {interval(discordant)}"] if discordant else []),
        *([f"target  {summary.success}"] if summary.success else []),
        *(f"note  {text}" for text in dict.fromkeys(notes)),
        *([f"queries  {_counts(summary.queries)}"] if summary.queries else []),
        *([f"seconds  {seconds}"] if seconds else []),
        *([f"report  {summary.report}"] if summary.report else []),
    ]


def print_sweep_table(rows: Sequence[Mapping[str, Any]], title: str = "sweep", console: Console | None = None) -> None:
    """Print one row a job; columns are all keys met, in that order; an `Estimate` has its interval.

    What is the same in every job stands in the title instead of a column.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    same = [name for name in names if len(rows) > 1 and len({_cell(row.get(name)) for row in rows}) == 1]
    names = [name for name in names if name not in same]
    shared = ", ".join(f"{name} {_cell(rows[0].get(name))}" for name in same)
    table = Table(title=Text(f"{title}\n{shared}" if shared else title), title_style="bold", title_justify="left")
    for name in names:
        numbers = any(isinstance(row.get(name), Estimate | float | int) for row in rows)
        table.add_column(Text(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(name))) for name in names))
    (console or wide_console()).print(table)


def wide_console() -> Console:
    """Return the standard console; where there is no terminal (a log file), wide enough for our tables."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


def _break(columns: int, width: int) -> str:
    """What stands between value and interval: a line break where `columns` of 19 characters do not fit."""
    return "\n[" if columns * 22 + 24 > width else " ["


def _cautions(target: Metrics, present: Sequence[str]) -> list[str]:
    return [f"{name}: {target[name].note}" for name in present if name in target and target[name].note]


def _counts(queries: Mapping[str, int]) -> str:
    total = f"{sum(queries.values()):,}"
    return f"{total} ({', '.join(f'{call} {count:,}' for call, count in queries.items())})"


def _cell(value: Any) -> str:
    if isinstance(value, Estimate | LeakageEstimate):
        return interval(value)
    if isinstance(value, float):
        return f"{value:.3f}"
    return "–" if value is None else str(value)
