"""Several metrics of several releases as one table: rows may come from different experiments."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telltale.errors import InputError
from telltale.papers.entries import read
from telltale.papers.grid import Cell
from telltale.papers.quantity import Quantity, per_seed
from telltale.papers.results import Results
from telltale.papers.seeds import over_seeds


@dataclass(frozen=True)
class Table:
    """A table of a paper's runs.

    columns  metric by its name in metrics.json -> its head
    rows     label -> [experiment, evidence]
    figure   whether the paper's page shows accuracy against error (columns accuracy and mape) as a figure, too

    An evidence may be a pattern such as "kmeans * bit, *": then each that it matches is a row, labelled by its name.
    """

    title: str
    columns: Mapping[str, str]
    rows: Mapping[str, Sequence[str]]
    figure: bool = False

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Table:
        """Read a table from its YAML entry. Raises InputError where fields are missing or unknown."""
        table = read(cls, "tables", entry)
        for label, place in table.rows.items():
            if len(place) != 2:
                raise InputError("tables", label, "[experiment, evidence]")
        if table.figure and not {"accuracy", "mape"} <= table.columns.keys():
            raise InputError("tables.figure", table.title, "a table with the columns accuracy and mape")
        return table


def lines(table: Table, results: Results) -> dict[str, list[Cell | None]]:
    """Return value and 95 % interval over seeds of each row's metrics, None where nothing was measured."""
    measured: dict[str, list[Cell | None]] = {}
    for label, (experiment, evidence) in table.rows.items():
        for name in _matching(results, experiment, evidence):
            shown = label if name == evidence else name
            shown = f"{shown} ({experiment})" if shown in measured else shown
            measured[shown] = [_cell(results, experiment, name, metric) for metric in table.columns]
    return measured


def _matching(results: Results, experiment: str, evidence: str) -> list[str]:
    runs = [run for (name, _), run in results.items() if name == experiment]
    every = dict.fromkeys(key.rpartition("/")[0] for run in runs for key in run)
    return fnmatch.filter(every, evidence) or [evidence]


def _cell(results: Results, experiment: str, evidence: str, metric: str) -> Cell | None:
    seeds = sorted({number for name, number in results if name == experiment})
    try:
        parts = [per_seed(Quantity([metric], [experiment], evidence), results, number) for number in seeds]
    except KeyError:
        return None
    return over_seeds(parts).cell if parts else None
