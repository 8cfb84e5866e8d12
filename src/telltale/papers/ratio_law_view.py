"""How a law of epochs over members is shown: a table with a line an attack, and a figure with a colour each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from telltale.evaluation.leakage_law import as_auc
from telltale.papers.grid_view import cell_text, file_name, markdown
from telltale.papers.ratio_law import Fitted, RatioLaw
from telltale.reporting.figures import MARKERS, RIVALS, TARGET, legend_below, new_figure, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Fits = Mapping[str, Fitted]  # evidence -> its law
INK = "#374151"


def write_laws(laws: Sequence[tuple[RatioLaw, Fits]], folder: Path) -> list[Path]:
    """Write laws.md and a figure of each law that has a point; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "laws.md"
    file.write_text("\n\n".join(law_page(law, fits) for law, fits in laws) + "\n", encoding="utf-8")
    drawn = [(law, fits) for law, fits in laws if any(one.found for one in fits.values())]
    return [file, *(save_png(law_figure(law, fits), folder / f"{file_name(law.title)}.png") for law, fits in drawn)]


def law_page(law: RatioLaw, fits: Fits) -> str:
    """Write one law in Markdown."""
    at = law.columns[law.reference]
    place = f"{at['epochs']:,} / {at['members']:,}"
    told = (
        "d′ = √2 Φ⁻¹(AUC) = level · (epochs / members)^slope, fitted to each line of "
        f'"{law.grid.title}" [95 % interval]. '
        "Scatter: how far cells lie off it beside their own errors, as a share of d′. "
        "Epochs and members apart: a slope for each; where their ratio alone counts, the two differ by the sign alone "
        "and their sum is 0. "
        f"An attack that finds nothing at {place} has no slope to tell."
    )
    apart = ("slope of epochs", "of members", "sum")
    head = ["", "cells", "slope of epochs / members", f"AUC at {place}", "scatter", *apart]
    rows = [[label, *_texts(fits[row])] for row, label in law.grid.rows.items()]
    return "\n".join([f"## {law.title}", "", told, "", markdown([head, *rows])])


def law_figure(law: RatioLaw, fits: Fits) -> Figure:
    """Draw AUC over epochs / members: points with intervals, and through them the law with its band, a colour each."""
    figure, axes = new_figure(law.title, "epochs / members", "AUC", height=5.6)
    figure.set_figwidth(9.0)
    shown = {row: fit for row, fit in fits.items() if fit.found}
    for place, (row, fit) in enumerate(shown.items()):
        colour = (TARGET, *RIVALS)[place % (1 + len(RIVALS))]
        apart = 1.035 ** (place - (len(shown) - 1) / 2)  # side by side, not one upon the other
        _points(axes, law, fit, apart, law.grid.rows[row], colour, MARKERS[place % len(MARKERS)])
        _line(axes, law, fit, colour)
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xscale("log")
    ratios = {law.ratio(name): place for name, place in law.columns.items()}
    axes.set_xticks(list(ratios), [f"{place['epochs']:,}\n{place['members']:,}" for place in ratios.values()])
    axes.xaxis.minorticks_off()
    legend_below(axes)
    return figure


def described(law: RatioLaw, fits: Fits) -> str:
    """Say what the figure shows, for who does not see it."""
    slopes = [f"{law.grid.rows[row]} {cell_text(fit.one.slope(0))}" for row, fit in fits.items() if fit.one]
    told = "AUC over epochs / members on a logarithmic axis, points with intervals and a fitted line an attack"
    return f"{law.title}. {told}. Slopes: {'; '.join(slopes)}" if slopes else f"{law.title}. {told}"


def _texts(fit: Fitted) -> list[str]:
    if fit.one is None or fit.apart is None:
        return [str(len(fit.found)), *"––––––"]
    apart = [cell_text(cell) for cell in (fit.apart.slope(0), fit.apart.slope(1), fit.apart.slope(0, 1))]
    return [
        str(len(fit.found)), cell_text(fit.one.slope(0)), cell_text(fit.level), f"{100 * fit.scatter:.0f} %", *apart
    ]  # fmt: skip


def _points(axes: Axes, law: RatioLaw, fit: Fitted, apart: float, label: str, colour: str, marker: str) -> None:
    at = np.array([law.ratio(name) for name in fit.found]) * apart
    middle, low, high = np.array(list(fit.found.values()), float).T
    error = np.nan_to_num([middle - low, high - middle])
    axes.errorbar(at, middle, error, fmt=marker, markersize=5, linewidth=1.2, color=colour, label=label)


def _line(axes: Axes, law: RatioLaw, fit: Fitted, colour: str) -> None:
    if fit.one is None:
        return
    ratios = [law.ratio(name) for name in fit.found]
    at = np.geomspace(min(ratios), max(ratios), 60)
    reference = law.ratio(law.reference)
    factors = np.stack([np.log(at / reference), np.zeros(len(at))], 1)  # the ratio alone counts
    value, low, high = (as_auc(end) for end in fit.one.predicted(np.zeros(len(at), int), factors, scattered=False))
    axes.plot(at, value, color=colour, linewidth=1.4)
    axes.fill_between(at, low, high, color=colour, alpha=0.1, linewidth=0)
