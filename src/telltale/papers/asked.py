"""What a paper asks of its runs, by claims, grids, tables, curves, laws and sentences; what must be kept to answer."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from telltale.papers.claims import Claim
from telltale.papers.curve import Curve
from telltale.papers.grid import Grid
from telltale.papers.prose import figures_named
from telltale.papers.quantity import Quantity
from telltale.papers.ratio_law import laws_of
from telltale.papers.results import Run
from telltale.papers.table import Table

Asked = tuple[str, str]  # an experiment, and a pattern of figures there


def asked_of(paper: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return experiment -> what the paper's file asks of its runs, once each and sorted. InputError as claims raise it.

    "target/precision_at_*": all figures of such names. "kmeans * bit/": which pieces of evidence have such names.
    """
    every = chain(
        chain.from_iterable(_of_claim(Claim.of(entry)) for entry in paper["claims"]),
        chain.from_iterable(_of_grid(Grid.of(entry)) for entry in paper.get("grids", [])),
        chain.from_iterable(_of_grid(law.grid) for law in laws_of(paper)),
        chain.from_iterable(_of_table(Table.of(entry)) for entry in paper.get("tables", [])),
        chain.from_iterable(_of_curve(Curve.of(entry)) for entry in paper.get("curves", [])),
        ((name, f"{evidence}/{metric}") for name, evidence, metric in figures_named(paper.get("reading", ""))),
    )
    asked: dict[str, set[str]] = {}
    for experiment, pattern in every:
        asked.setdefault(experiment, set()).add(pattern)
    return {experiment: sorted(patterns) for experiment, patterns in asked.items()}


def answering(run: Run, asked: Iterable[str]) -> Run:
    """Return the figures of a run that are asked for, in its order: sums and tables follow it.

    Of evidence whose names are asked for the first figure stays whatever it is, as a table's rows have their order.
    """
    firsts: dict[str, str] = {}
    for name in run:
        firsts.setdefault(name.rpartition("/")[0], name)
    kept: set[str] = set()
    for pattern in asked:
        if pattern.endswith("/"):
            kept |= {firsts[evidence] for evidence in fnmatch.filter(firsts, pattern[:-1])}
        else:
            kept |= set(fnmatch.filter(run, pattern))
    return {name: figure for name, figure in run.items() if name in kept}


def is_pattern(name: str) -> bool:
    """Tell whether more than one name, or another one, may be meant.

    >>> is_pattern("target/auc"), is_pattern("target/precision_at_*"), is_pattern("kmeans 4 bit/")
    (False, True, True)
    """
    return name.endswith("/") or bool(set(name) & set("*?["))


def _of_claim(claim: Claim) -> Iterator[Asked]:
    for reading in claim.either:
        yield from _of_claim(reading)
    if claim.quantity is None:
        return
    beside = [claim.quantity.versus(name) for name in (*claim.controls, *claim.rows)]
    beside += [claim.quantity.beside(experiment) for experiment in claim.first_of]
    for quantity in (claim.quantity, *beside, *([claim.power.quantity] if claim.power else [])):
        yield from _of_quantity(quantity)


def _of_quantity(quantity: Quantity) -> Iterator[Asked]:
    yield from _figures(quantity.experiments, quantity.of, quantity.metrics)
    if quantity.minus is not None or quantity.minus_experiments:
        places = quantity.minus_experiments or quantity.experiments
        yield from _figures(places, quantity.minus or quantity.of, quantity.metrics)
    if quantity.less is not None:
        yield from _of_quantity(quantity.less)


def _of_grid(grid: Grid) -> Iterator[Asked]:
    for evidence in grid.rows:
        yield from _figures(list(grid.columns), evidence, [grid.metric])


def _of_table(table: Table) -> Iterator[Asked]:
    for experiment, evidence in table.rows.values():
        yield from _figures([experiment], evidence, list(table.columns))
        if is_pattern(evidence):
            yield experiment, f"{evidence}/"


def _of_curve(curve: Curve) -> Iterator[Asked]:
    for experiment in curve.experiments:
        yield from ((experiment, axis) for axis in (curve.x, curve.y))


def _figures(experiments: Sequence[str], evidence: str, metrics: Sequence[str]) -> Iterator[Asked]:
    for experiment in experiments:
        yield from ((experiment, f"{evidence}/{metric}") for metric in metrics)
