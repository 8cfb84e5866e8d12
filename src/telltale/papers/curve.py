"""Two figures of the same runs against each other, e.g. what an attack reaches against what a defence costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from telltale.papers.entries import read
from telltale.papers.grid import Cell
from telltale.papers.quantity import Quantity, per_seed
from telltale.papers.results import Results
from telltale.papers.seeds import over_seeds


@dataclass(frozen=True)
class Curve:
    """A figure of a paper's runs.

    x, y    name of evidence and metric, e.g. owner/accuracy and lira/auc
    lines   what a reader calls it -> its points in order, each experiment -> what is written beside it
    points  experiments that stand alone -> what a reader calls them
    chance  what guessing gives on the vertical axis; None: not drawn
    x_title, y_title  what stands beside the axes; "": the names of x and y
    """

    title: str
    x: str
    y: str
    lines: Mapping[str, Mapping[str, str]]
    points: Mapping[str, str] = field(default_factory=dict)
    chance: float | None = None
    x_title: str = ""
    y_title: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Curve:
        """Read a curve from its YAML entry. Raises InputError where fields are missing or unknown."""
        return read(cls, "curves", entry)

    @property
    def experiments(self) -> list[str]:
        """List every experiment that is drawn, once."""
        return list(dict.fromkeys([name for line in self.lines.values() for name in line] + list(self.points)))


def points(curve: Curve, results: Results) -> dict[str, tuple[Cell, Cell]]:
    """Return x and y of each experiment that was measured, with 95 % intervals over seeds."""
    measured = {}
    for experiment in curve.experiments:
        seeds = sorted({number for name, number in results if name == experiment})
        try:
            both = [_cell(axis, experiment, results, seeds) for axis in (curve.x, curve.y)]
        except KeyError:
            continue
        if seeds:
            measured[experiment] = (both[0], both[1])
    return measured


def _cell(axis: str, experiment: str, results: Results, seeds: list[int]) -> Cell:
    of, _, metric = axis.partition("/")
    parts = [per_seed(Quantity([metric], [experiment], of), results, number) for number in seeds]
    if not parts:
        raise KeyError(experiment)
    return over_seeds(parts).cell
