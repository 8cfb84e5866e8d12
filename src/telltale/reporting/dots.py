"""Several series in several settings, side by side, as dots with their intervals."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from telltale.reporting.figures import CONTROLS, MARKERS, RIVALS, TARGET, legend_below, new_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def dots(
    series: Mapping[str, Sequence[tuple[float, float, float]]],
    settings: Sequence[str],
    title: str,
    value: str,
    chance: float | None = None,
) -> Figure:
    """Value and interval of several series in several settings, side by side; chance: a dashed line, e.g. 0.5."""
    height, width = 4.2 + 0.1 * len(series), max(6.4, 1.4 * len(settings))
    titles = [textwrap.fill(title, int(9.5 * width))]
    figure, (axes,) = new_panels(titles, "", value.replace("_", " "), height, width)
    for place in range(1, len(settings), 2):  # what stands side by side is of one setting
        axes.axvspan(place - 0.5, place + 0.5, color="#F3F4F6", zorder=0)
    shifts = np.linspace(-0.3, 0.3, len(series)) if len(series) > 1 else np.zeros(1)
    for place, (shift, (name, cells)) in enumerate(zip(shifts, series.items(), strict=True)):
        middle, low, high = np.array(cells, dtype=float).T
        colour = (TARGET, *RIVALS, *CONTROLS)[place % (1 + len(RIVALS) + len(CONTROLS))]
        look: dict[str, Any] = {"fmt": MARKERS[place % len(MARKERS)], "markersize": 5, "linewidth": 1.4}
        error = np.nan_to_num([middle - low, high - middle])
        axes.errorbar(np.arange(len(settings)) + shift, middle, error, color=colour, label=name, **look)
    if chance is not None:
        axes.axhline(chance, color="#374151", linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xticks(range(len(settings)), [_narrow(label) for label in settings])
    axes.set_xlim(-0.5, len(settings) - 0.5)
    axes.grid(axis="x", visible=False)
    legend_below(axes)
    return figure


def _narrow(label: str, most: int = 16) -> str:
    """Break a label after commas, and what is still too long between words."""
    return "\n".join(textwrap.fill(part, most) for part in label.replace(", ", ",\n").split("\n"))
