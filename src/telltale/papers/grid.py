"""One metric over many runs as a grid: what was measured (rows) by how it was set up (columns)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telltale.papers.entries import read
from telltale.papers.quantity import Quantity, per_seed
from telltale.papers.results import Results
from telltale.papers.seeds import Mean, over_seeds

Cell = tuple[float, float, float]


@dataclass(frozen=True)
class Grid:
    """A table of a paper's runs.

    metric   by its name in metrics.json
    rows     name of the evidence -> what a reader calls it
    columns  experiment -> what a reader calls it
    chance   what guessing gives; None: not drawn
    figure   whether the paper's page shows it as a figure, too
    scale    what its numbers are, for a figure's axis; "" = the metric's name
    """

    title: str
    metric: str
    rows: Mapping[str, str]
    columns: Mapping[str, str]
    chance: float | None = None
    figure: bool = False
    scale: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Grid:
        """Read a grid from its YAML entry. Raises InputError where fields are missing or unknown."""
        return read(cls, "grids", entry)


def means(grid: Grid, results: Results) -> dict[tuple[str, str], Mean]:
    """Return the mean over seeds of each cell that was measured, by (row, column)."""
    measured = {}
    for row in grid.rows:
        for column in grid.columns:
            seeds = sorted({number for experiment, number in results if experiment == column})
            try:
                parts = [per_seed(Quantity([grid.metric], [column], row), results, number) for number in seeds]
            except KeyError:
                continue
            if parts:
                measured[row, column] = over_seeds(parts)
    return measured


def cautions(grid: Grid, results: Results) -> list[str]:
    """Return why figures of it decide nothing, such as too few records behind a rate: each reason once."""
    found = means(grid, results).values()
    return list(dict.fromkeys(caution for mean in found for caution in mean.cautions))


def cells(grid: Grid, results: Results) -> dict[tuple[str, str], Cell]:
    """Return value and 95 % interval over seeds of each cell that was measured: (row, column) -> three numbers."""
    return {place: mean.cell for place, mean in means(grid, results).items()}
