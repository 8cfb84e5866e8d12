"""Figures of reconstructed pictures: side by side, accuracy against error, and weights as a detector sees them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from telltale.reporting.figures import CONTROLS, MISS, RIVALS, TARGET, legend_below, new_figure, new_panels
from telltale.reporting.picture_sheet import SHOWN, Strip, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = re.compile(r"(?P<quantizer>\w+) (?P<bits>\d) bit, (?P<mode>[\w-]+)")  # how variants of compression are named
ALONE = "Ds^vPX"  # markers of releases that are no line, once all colours are taken
MODES = (("post-training",), ("owner", "attacker-task"), ("attacker",))  # those of one column of pictures


class Measure(Protocol):
    """A number with the ends of its interval."""

    @property
    def value(self) -> float:
        """Return the number."""
        ...

    @property
    def low(self) -> float:
        """Return the lower end; NaN where there is none."""
        ...

    @property
    def high(self) -> float:
        """Return the upper end."""
        ...


Metrics = Mapping[str, Mapping[str, Measure]]


def picture_grid(hidden: np.ndarray, releases: Mapping[str, np.ndarray], metrics: Metrics) -> Figure:
    """Show hidden pictures over what each release gives back: (payload, c, h, w) each, of the same pictures.

    Compressed variants share a row for each quantizer and bit-width, in which each mode shows the first few of the
    pictures. Above a strip stand its accuracy and MAPE where they are known.
    """
    chosen = np.unique(np.linspace(0, len(hidden) - 1, min(SHOWN, len(hidden))).astype(int))
    cells = {name: cell for name in releases if (cell := CELL.fullmatch(name))}
    modes = [mode for mode in MODES if any(cell["mode"] in mode for cell in cells.values())]
    columns = {mode: place for place, alike in enumerate(modes) for mode in alike}
    few = chosen[:: max(1, len(modes))][: max(1, len(chosen) // max(1, len(modes)))]
    strips = [Strip("hidden", hidden[chosen])]
    strips += [
        Strip(name, decoded[chosen], 0, _quality(metrics.get(name, {})))
        for name, decoded in releases.items()
        if name not in cells
    ]
    for name, cell in cells.items():
        label, text = f"{cell['quantizer']} {cell['bits']} bit", f"{cell['mode']}: {_quality(metrics.get(name, {}))}"
        strips.append(Strip(label, releases[name][few], columns[cell["mode"]], text))
    return sheet(strips, "Hidden pictures and what is decoded")


def accuracy_against_error(metrics: Metrics, attack: str = "target") -> Figure:
    """Plot accuracy against MAPE of each release, with 95 % intervals; attack: the name of its own.

    Compressed variants have a panel for each mode: one line a quantizer, each point marked by its number of bits.
    """
    known = {name: estimates for name, estimates in metrics.items() if "accuracy" in estimates}
    cells = {name: cell for name in known if (cell := CELL.fullmatch(name))}
    modes = list(dict.fromkeys(cell["mode"] for cell in cells.values())) or ["releases"]
    quantizers = list(dict.fromkeys(cell["quantizer"] for cell in cells.values()))
    width = 3.6 * len(modes) + 2.8
    figure, panels = new_panels(modes, "test accuracy", "MAPE (0 to 255)", height=4.6, width=width)
    panels[0].set_yscale("log")  # an honest model errs ten times as much
    for axes, mode in zip(panels, modes, strict=True):
        for place, quantizer in enumerate(quantizers):
            line = [name for name, cell in cells.items() if (cell["quantizer"], cell["mode"]) == (quantizer, mode)]
            bits = [f" {cells[name]['bits']}" for name in line]
            _joined(axes, [known[name] for name in line], bits, quantizer, RIVALS[place % len(RIVALS)])
        for place, name in enumerate(sorted(known.keys() - cells.keys())):
            if _mode(name, modes) not in (mode, None):
                continue
            colour = TARGET if name == attack else CONTROLS[place % len(CONTROLS)]
            marker = "*" if name == attack else ALONE[place // len(CONTROLS) % len(ALONE)]
            _joined(axes, [known[name]], [""], name, colour, marker)
    legend_below(*panels)
    return figure


def _mode(name: str, modes: Sequence[str]) -> str | None:
    """Return the mode that a release without bits is of, as "float, owner" is; None where it is of none."""
    said = name.split(", ")[1:2]
    return said[0] if said and said[0] in modes else None


def _joined(
    axes: Axes,
    points: Sequence[Mapping[str, Measure]],
    texts: Sequence[str],
    label: str,
    colour: str,
    marker: str = "o",
) -> None:
    accuracies, errors = ([estimates[metric] for estimates in points] for metric in ("accuracy", "mape"))
    values = [accuracy.value for accuracy in accuracies], [error.value for error in errors]
    axes.plot(*values, color=colour, linewidth=1.2, marker=marker, markersize=5, label=label)
    for accuracy, error, text in zip(accuracies, errors, texts, strict=True):
        axes.plot([accuracy.low, accuracy.high], [error.value] * 2, color=colour, linewidth=0.8, alpha=0.4)
        axes.plot([accuracy.value] * 2, [error.low, error.high], color=colour, linewidth=0.8, alpha=0.4)
        axes.annotate(text, (accuracy.value, error.value), fontsize=8, color=colour, va="bottom")


def weight_histogram(released: np.ndarray, benign: np.ndarray) -> Figure:
    """Draw the densities of two models' weights out of their quantiles: (quantiles,) each."""
    figure, axes = new_figure("Weights of the release and of an honest model", "weight", "share of weights")
    low, high = min(released[5], benign[5]), max(released[-6], benign[-6])  # beyond: outermost bins
    edges = np.linspace(low, high, 61)
    for values, label, look in (
        (benign, "benign", {"color": MISS, "alpha": 0.55, "histtype": "stepfilled"}),
        (released, "released", {"color": TARGET, "linewidth": 2, "histtype": "step"}),
    ):
        shares = np.full(len(values), 1 / len(values))
        axes.hist(np.clip(values, low, high), edges.tolist(), weights=shares, label=label, **look)  # type: ignore[arg-type]
    legend_below(axes)
    return figure


def _quality(metrics: Mapping[str, Measure]) -> str:
    parts = [f"{100 * metrics['accuracy'].value:.1f} %"] if "accuracy" in metrics else []
    parts += [f"error {metrics['mape'].value:.1f}"] if "mape" in metrics else []
    return ", ".join(parts)
