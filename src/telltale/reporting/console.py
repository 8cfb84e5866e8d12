"""The end of a run on the console: one table a person can read, then what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telltale.evaluation.extraction import LeakageEstimate
from telltale.evaluation.statistics import Estimate
from telltale.reporting.sentences import metric_title

if TYPE_CHECKING:
    from rich.console import Console

Metrics = Mapping[str, Estimate]


@dataclass(frozen=True)
class Heading:
    """What was run on what: the words of the configuration and the sizes of the pools by name."""

    attack: str
    model: str
    objective: str
    defense: str
    scale: str
    dataset: str
    sizes: Mapping[str, int] = field(default_factory=dict)

    def lines(self) -> tuple[str, str]:
        """Return the two lines of a title: what was run, and on which data."""
        sizes = " · ".join(f"{count:,} {name}" for name, count in self.sizes.items())
        what = f"{self.attack} on {self.model}, {self.objective}; defence {self.defense}; scale {self.scale}"
        return what, self.dataset + (f": {sizes}" if sizes else "")


def print_summary(
    heading: Heading,
    target: Metrics,
    headlines: Sequence[str],
    *,
    rivals: Mapping[str, Metrics] | None = None,
    controls: Mapping[str, Metrics] | None = None,
    variants: Mapping[str, Metrics] | None = None,
    leakage: Mapping[str, LeakageEstimate] | None = None,
    discordant: Estimate | None = None,
    queries: Mapping[str, int] | None = None,
    seconds: Mapping[str, float] | None = None,
    report: Path | str | None = None,
    notes: Sequence[str] = (),
    columns: Mapping[str, Mapping[str, str]] | None = None,
    success: str = "",
    versus: str = "",
    console: Console | None = None,
) -> None:
    """Print the end of a run: a table of target, rivals and controls, then the verdicts.

    headlines: metrics shown as columns, those that nobody has are dropped; columns: more of them, title ->
    row -> text; success, versus: how well the owner's task is learned, how the attack stands against its
    rivals; notes: sentences printed as they are.
    """
    from rich.table import Table
    from rich.text import Text

    out = console or wide_console()
    groups = [("", {"target": target}), ("rival", rivals or {}), ("control", controls or {})]
    groups.append(("variant", variants or {}))
    present = [n for n in headlines if any(n in row for _, rows in groups for row in rows.values())]
    table, between = Table(), _break(len(present), out.width - 14 * len(columns or {}))
    table.add_column("")
    for name in present:
        table.add_column(Text(metric_title(name)), justify="right")  # a narrow console folds at spaces
    for title in columns or {}:
        table.add_column(Text(title), justify="right", max_width=12)
    for group, rows in groups:
        if rows:
            table.add_section()
        for name, metrics in rows.items():
            label = Text.assemble((f"{group} " if group else "", "dim"), name)
            table.add_row(
                label,
                *(Text(interval(metrics.get(n)).replace(" [", between)) for n in present),
                *(Text(texts.get(name, "–")) for texts in (columns or {}).values()),
                style="bold" if not group else "",
            )
    for line in heading.lines():
        out.print(Text(line, style="bold"), soft_wrap=True)
    out.print(table)
    lines = [
        *(f"leakage  {name} {leakage_sentence(estimate)}" for name, estimate in (leakage or {}).items()),
        *([f"rivals  {versus}"] if versus else []),
        *([f"only in G against only in G′  {verdict(discordant)}: {interval(discordant)}"] if discordant else []),
        *([f"target  {success}"] if success else []),
        *(f"note  {text}" for text in dict.fromkeys([*notes, *_cautions(target, present)])),
        *([f"queries  {_counts(queries)}"] if queries else []),
        *([f"seconds  {' · '.join(f'{k} {v:.1f}' for k, v in seconds.items())}"] if seconds else []),
        *([f"report  {report}"] if report else []),
    ]
    for line in lines:
        out.print(Text(line), soft_wrap=True)  # a wrapped path cannot be clicked


def print_sweep_table(rows: Sequence[Mapping[str, Any]], title: str = "sweep", console: Console | None = None) -> None:
    """Print one row a job; columns are all keys met, in that order; an `Estimate` has its interval.

    What is the same in every job stands in the title instead of a column.
    """
    from rich.table import Table
    from rich.text import Text

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
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=140)


def interval(estimate: Estimate | LeakageEstimate | None) -> str:
    """Return "0.512 [0.48, 0.54]", a plain number without interval, "–" without value.

    Ends have a third digit where two would hide that there is a width.
    """
    if estimate is None or math.isnan(estimate.value):
        return "–"
    value = f"{estimate.value:.3f}"
    if math.isnan(estimate.low):
        return f"{estimate.value:,.0f}" if float(estimate.value).is_integer() else value
    coarse = [round(end, 2) for end in (estimate.low, estimate.high)]
    hidden = not coarse[0] <= round(estimate.value, 3) <= coarse[1] or 0 < coarse[0] == coarse[1]
    digits = 3 if hidden else 2  # 0.009 [0.01, 0.01] would say nothing
    low, high = (f"{round(end, digits) + 0.0:.{digits}f}" for end in (estimate.low, estimate.high))  # no "-0.00"
    return f"{value} [{low}, {high}]"


def verdict(estimate: Estimate, chance: float = 0.5) -> str:
    """Return "leaks" (whole interval above chance), "no evidence", or "cannot tell" and why."""
    if estimate.note.startswith("cannot tell"):
        return estimate.note
    if math.isnan(estimate.low):
        return "cannot tell: no interval"
    return "leaks" if estimate.low > chance else "no evidence"


def leakage_sentence(leakage: LeakageEstimate) -> str:
    """Return the difference to the strongest control, its interval and what that says."""
    said = "above every control" if leakage.low > 0 else "not above the control"
    signed = ("+" if leakage.value >= 0 else "") + interval(
        LeakageEstimate(leakage.value, leakage.low, leakage.high, 0, "")
    )
    return f"{signed} over {leakage.control}: {said}"


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
