"""How two figures of the same runs are shown against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from telltale.papers.curve import Curve
from telltale.papers.grid import Cell
from telltale.papers.grid_view import file_name
from telltale.reporting.figures import CONTROLS, MARKERS, RIVALS, TARGET, legend_below, new_figure, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = Mapping[str, tuple[Cell, Cell]]  # experiment -> x, y


def write_curves(curves: Sequence[tuple[Curve, Points]], folder: Path) -> list[Path]:
    """Write a figure of each curve that has a point; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        save_png(curve_figure(curve, points), folder / f"{file_name(curve.title)}.png")
        for curve, points in curves
        if points
    ]


def curve_figure(curve: Curve, points: Points) -> Figure:
    """Draw each line through its points with the band of the vertical figure, and the points that stand alone."""
    figure, axes = new_figure(
        curve.title, curve.x_title or _titled(curve.x), curve.y_title or _titled(curve.y), height=5.2
    )
    figure.set_figwidth(8.0)
    for place, (label, line) in enumerate(curve.lines.items()):
        present = {name: text for name, text in line.items() if name in points}
        if present:
            _line(axes, points, present, label, (TARGET, *RIVALS)[place % (1 + len(RIVALS))])
    places = {name: place for place, name in enumerate(curve.points)}
    for name, label in _merged(curve.points, points).items():
        colour = (*RIVALS[2:], *CONTROLS)[places[name] % (len(RIVALS) - 2 + len(CONTROLS))]
        _point(axes, points[name], label, colour, MARKERS[places[name] % len(MARKERS)])
    if curve.chance is not None:
        axes.axhline(curve.chance, color="#374151", linewidth=1, linestyle=(0, (4, 3)))
    legend_below(axes)
    return figure


def _merged(labels: Mapping[str, str], points: Points) -> dict[str, str]:
    """Label the points that stand alone; of those that fall together the first has the labels of all.

    Early stopping that kept the last epoch is the undefended model to the digit, and would hide it.
    """
    first, merged = dict[tuple[Cell, Cell], str](), dict[str, list[str]]()
    for name, label in labels.items():
        if name in points:
            merged.setdefault(first.setdefault(points[name], name), []).append(label)
    return {name: " = ".join(told) for name, told in merged.items()}


def _line(axes: Axes, points: Points, texts: Mapping[str, str], label: str, colour: str) -> None:
    x, y = (np.array([points[name][axis] for name in texts], float) for axis in (0, 1))
    axes.plot(x[:, 0], y[:, 0], color=colour, marker="o", markersize=4, linewidth=1.4, label=label)
    order = np.argsort(x[:, 0], kind="stable")
    axes.fill_between(x[order, 0], y[order, 1], y[order, 2], color=colour, alpha=0.15, linewidth=0)
    for text, at, height in zip(texts.values(), x[:, 0], y[:, 0], strict=True):
        axes.annotate(text, (at, height), xytext=(3, 4), textcoords="offset points", fontsize=7, color=colour)


def _point(axes: Axes, cell: tuple[Cell, Cell], label: str, colour: str, marker: str) -> None:
    errors = [np.nan_to_num([[middle - low], [high - middle]]) for middle, low, high in cell]
    axes.errorbar(
        [cell[0][0]],
        [cell[1][0]],
        errors[1],
        errors[0],
        fmt=marker,
        markersize=6,
        color=colour,
        label=label,
        linewidth=1,
    )


def _titled(axis: str) -> str:
    of, _, metric = axis.partition("/")
    words = metric.replace("_", " ")
    if of == "owner":
        return f"test {words}"
    return "AUC of the attack" if (of, metric) == ("target", "auc") else f"{words}, {of}"
