"""What a job would take: models, queries, time, memory and disk, as a table on the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from rich.table import Table
from rich.text import Text

from telltale.planning.ledger import TRAINED, Entry
from telltale.reporting.console import wide_console
from telltale.training.rehearsal import NOTHING, Spent
from telltale.writing import counted

APART = 100_000  # between numbers of jobs that are alike


@dataclass(frozen=True)
class Models:
    """Models of one kind: whose they are, how many there are to train, how many the store has, what the others take.

    shared: of those that are not there, how many an earlier job of the sweep trains
    """

    owner: str
    to_train: int
    there: int
    shared: int
    spent: Spent
    size: int


@dataclass(frozen=True)
class JobCost:
    """What one job would take.

    name     the words that make it
    entries  that it makes, and those that it finds
    parts    seconds of what is no training, by part of the flow
    queries  records that releases are asked about, by call, by all attacks
    memory   bytes, of the process that planned: a run takes that, and more with more victims
    planned  what it took to find out
    answers  bytes of what releases said, and of what else is kept
    told     what the plan does not know, a line each
    """

    name: str
    number: int
    entries: Sequence[Entry]
    parts: Mapping[str, Spent]
    queries: Mapping[str, int]
    memory: float
    planned: Spent
    answers: int
    told: tuple[str, ...] = ()

    def again(self, time: int) -> JobCost:
        """Return the same of another job that is alike but for its seed, and so shares no model with this one."""
        apart = f", {time}" if time else ""
        entries = [replace(entry, key=f"{entry.key}{apart}", job=entry.job + time * APART) for entry in self.entries]
        planned = NOTHING if time else self.planned
        return replace(self, entries=entries, number=self.number + time * APART, planned=planned)

    @property
    def made(self) -> list[Entry]:
        """Return the entries that this job makes."""
        return [entry for entry in self.entries if not entry.there and entry.job == self.number]

    @property
    def models(self) -> list[Models]:
        """Count models by whose they are, in the order in which they are trained."""
        owners = dict.fromkeys(entry.owner for entry in self.entries if entry.kind in TRAINED)
        return [self._of(owner) for owner in owners]

    def _of(self, owner: str) -> Models:
        alike = [entry for entry in self.entries if entry.kind in TRAINED and entry.owner == owner]
        made = [entry for entry in alike if not entry.there and entry.job == self.number]
        there = sum(entry.there for entry in alike)
        return Models(owner, len(made), there, len(alike) - len(made) - there, _sum(made), _size(made))

    @property
    def spent(self) -> Spent:
        """Add everything up."""
        total = _sum(self.made)
        for spent in self.parts.values():
            total = total.plus(_idle(spent))
        return total

    @property
    def disk(self) -> int:
        """Count the bytes that are written to the store."""
        return self.answers + _size([entry for entry in self.made if entry.kind in TRAINED])


def _idle(spent: Spent) -> Spent:
    """Take off what the machine did for others: on CPUs, what takes longer than it computes has waited for them."""
    return spent if torch.cuda.is_available() else Spent(spent.cpu, min(spent))


def _sum(entries: Sequence[Entry]) -> Spent:
    total = NOTHING
    for entry in entries:
        total = total.plus(Spent(entry.spent.cpu, _idle(entry.spent).clock / entry.workers))
    return total


def _size(entries: Sequence[Entry]) -> int:
    return sum(entry.size for entry in entries)


def print_job(cost: JobCost) -> None:
    """Print one job: a line a kind of model, a line a part of the flow, a total."""
    table = Table(title=f"plan: {cost.name}", title_justify="left")
    table.add_column("what")
    for heading in ("to train", "in the store", "CPU", "by the clock", "disk"):
        table.add_column(heading, justify="right")
    for models in cost.models:
        row = (f"{models.to_train:,}", f"{models.there:,}", *_times(models.spent), _bytes(models.size))
        table.add_row(f"{models.owner} models", *row)
    others = [entry for entry in cost.made if entry.kind not in TRAINED]
    if cost.answers:
        table.add_row("answers and tests kept", "", "", *_times(_sum(others)), _bytes(cost.answers))
    for part, spent in cost.parts.items():
        if spent.cpu >= 0.05:
            table.add_row(part, "", "", *_times(spent), "")
    to_train, there = (sum(getattr(models, name) for models in cost.models) for name in ("to_train", "there"))
    table.add_section()
    table.add_row("total", f"{to_train:,}", f"{there:,}", *_times(cost.spent), _bytes(cost.disk), style="bold")
    out = wide_console()
    out.print(table)
    _print_rest(out, cost)


def _print_rest(out: Any, cost: JobCost) -> None:
    asked = ", ".join(f"{number:,} {call}" for call, number in cost.queries.items()) or "none"
    out.print(Text(f"queries  {asked}"), soft_wrap=True)
    out.print(Text(f"memory   {_bytes(cost.memory)} at least"), soft_wrap=True)
    for line in cost.told:
        out.print(Text(f"unknown  {line}"), soft_wrap=True)
    out.print(Text(f"nothing was trained; this plan took {_seconds(cost.planned.cpu)} of CPU"), soft_wrap=True)


def print_total(costs: Sequence[JobCost], title: str) -> None:
    """Print a line a job, by the words in which they differ, and what all take: what several need is trained once.

    Jobs of one name share a line.
    """
    if not costs:
        wide_console().print(Text(f"{title}: nothing is left to run"), soft_wrap=True)
        return
    common = set.intersection(*(set(cost.name.split()) for cost in costs)) if len(costs) > 1 else set()
    lines: dict[str, list[JobCost]] = {}
    for cost in costs:
        name = " ".join(word for word in cost.name.split() if word not in common) or cost.name
        lines.setdefault(name, []).append(cost)
    table = Table(title=title, title_justify="left")
    table.add_column("job")
    for heading in ("to train", "in the store", "trained by another", "queries", "CPU", "by the clock", "disk"):
        table.add_column(heading, justify="right")
    for name, alike in lines.items():
        table.add_row(name if len(alike) == 1 else f"{name} ({len(alike)} jobs)", *_line(alike))
    table.add_section()
    table.add_row("total", *_line(costs), style="bold")
    out = wide_console()
    out.print(table)
    for line in dict.fromkeys(line for cost in costs for line in cost.told):
        out.print(Text(f"unknown  {line}"), soft_wrap=True)
    memory, planned = max(cost.memory for cost in costs), sum(cost.planned.cpu for cost in costs)
    what = f"{counted(len(costs), 'job')}, one after the other; memory {_bytes(memory)} at least; nothing was trained"
    out.print(Text(f"{what}; this plan took {_seconds(planned)} of CPU"), soft_wrap=True)


def _line(costs: Sequence[JobCost]) -> tuple[str, ...]:
    """Return the cells of some jobs; a model that several find in the store, or leave to another, counts once."""
    models = {(entry.kind, entry.key): entry for cost in costs for entry in cost.entries if entry.kind in TRAINED}
    numbers = {cost.number for cost in costs}
    there = sum(entry.there for entry in models.values())
    to_train = sum(not entry.there and entry.job in numbers for entry in models.values())
    total = NOTHING
    for cost in costs:
        total = total.plus(cost.spent)
    asked, disk = sum(sum(cost.queries.values()) for cost in costs), sum(cost.disk for cost in costs)
    counts = (to_train, there, len(models) - there - to_train, asked)
    return (*map("{:,}".format, counts), *_times(total), _bytes(disk))


def _times(spent: Spent) -> tuple[str, str]:
    return _seconds(spent.cpu), _seconds(_idle(spent).clock)


def _seconds(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 100 else f"{hours:.1f} h"


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
