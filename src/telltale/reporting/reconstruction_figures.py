"""Figures of reconstructed pictures: side by side, accuracy against error, and weights as a detector sees them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from telltale.evaluation.statistics import Estimate
from telltale.reporting.figures import CONTROLS, MISS, RIVALS, TARGET, legend_below, new_figure, new_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 12
CELL = re.compile(r"(?P<quantizer>\w+) (?P<bits>\d) bit, (?P<mode>[\w-]+)")  # how variants of compression are named
MODES = (("post-training",), ("owner", "attacker-task"), ("attacker",))  # those of one column of pictures
Metrics = Mapping[str, Mapping[str, Estimate]]


def picture_grid(hidden: np.ndarray, rows: Mapping[str, np.ndarray], metrics: Metrics) -> Figure:
    """Show hidden pictures over what each release gives back: (payload, c, h, w) each, of the same pictures.

    Compressed variants share a row for each quantizer and bit-width, in which each mode shows the first few of the
    pictures. Above a strip stand its accuracy and MAPE where they are known.
    """
    chosen = np.unique(np.linspace(0, len(hidden) - 1, min(SHOWN, len(hidden))).astype(int))
    cells = {name: cell for name in rows if (cell := CELL.fullmatch(name))}
    modes = [mode for mode in MODES if any(cell["mode"] in mode for cell in cells.values())]
    columns = {mode: place for place, alike in enumerate(modes) for mode in alike}
    few = chosen[:: max(1, len(modes))][: max(1, len(chosen) // max(1, len(modes)))]
    strips = [("hidden", 0, _strip(hidden[chosen]), "")]
    strips += [
        (name, 0, _strip(one[chosen]), _told(metrics.get(name, {}))) for name, one in rows.items() if name not in cells
    ]
    for name, cell in cells.items():
        told = f"{cell['mode']}: {_told(metrics.get(name, {}))}"
        strips.append((f"{cell['quantizer']} {cell['bits']} bit", columns[cell["mode"]], _strip(rows[name][few]), told))
    return _sheet(strips, columns=max(1, len(modes)))


def picture_rows(rows: Mapping[str, np.ndarray], title: str) -> Figure:
    """Show pictures under each other: (pictures, c, h, w) each, uint8 or in [0, 1], by the name of their row."""
    units = {name: one / np.float32(255) if one.dtype == np.uint8 else one for name, one in rows.items()}
    return _sheet([(name, 0, _strip(one[:SHOWN]), "") for name, one in units.items()], 1, title)


def _sheet(
    strips: Sequence[tuple[str, int, np.ndarray, str]], columns: int, title: str = "Hidden pictures and what is decoded"
) -> Figure:
    """Lay strips out: (row's label, column, picture, text above) each."""
    labels = list(dict.fromkeys(label for label, *_ in strips))
    tall = strips[0][2].shape[0]
    gap = max(2, round(0.4 * tall))
    wide = max(column * (strip.shape[1] + gap) + strip.shape[1] for _, column, strip, _ in strips)
    sheet = np.ones((len(labels) * (tall + gap), wide, 3))
    figure, axes = new_figure(title, "", "", height=9.0 * len(sheet) / wide + 0.8)
    figure.set_figwidth(9.0 + 1.8)
    for label, column, strip, text in strips:
        top, left = labels.index(label) * (tall + gap) + gap, column * (strip.shape[1] + gap)
        sheet[top : top + tall, left : left + strip.shape[1]] = strip
        axes.text(left, top - 0.12 * tall, text, fontsize=6.5, color=MISS)
    axes.imshow(sheet, interpolation="nearest", aspect="equal")
    axes.set_yticks([place * (tall + gap) + gap + tall / 2 for place in range(len(labels))], labels, fontsize=8)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def accuracy_against_error(metrics: Metrics) -> Figure:
    """Plot accuracy against MAPE of each release, with 95 % intervals.

    Compressed variants have a panel for each mode: one line a quantizer, each point marked by its number of bits.
    """
    known = {name: one for name, one in metrics.items() if "accuracy" in one}
    cells = {name: cell for name in known if (cell := CELL.fullmatch(name))}
    modes = list(dict.fromkeys(cell["mode"] for cell in cells.values())) or ["releases"]
    quantizers = list(dict.fromkeys(cell["quantizer"] for cell in cells.values()))
    width = 3.6 * len(modes) + 2.8
    figure, panels = new_panels(modes, "test accuracy", "MAPE (0 to 255)", height=4.6, width=width)
    panels[0].set_yscale("log")  # an honest model errs ten times as much
    for axes, mode in zip(panels, modes, strict=True):
        for place, quantizer in enumerate(quantizers):
            own = [name for name, cell in cells.items() if (cell["quantizer"], cell["mode"]) == (quantizer, mode)]
            bits = [f" {cells[name]['bits']}" for name in own]
            _joined(axes, [known[name] for name in own], bits, quantizer, RIVALS[place % len(RIVALS)])
        for place, name in enumerate(sorted(known.keys() - cells.keys())):
            colour = TARGET if name == "target" else CONTROLS[place % len(CONTROLS)]
            _joined(axes, [known[name]], [""], name, colour, "*" if name == "target" else "D")
    legend_below(panels[0])
    return figure


def _joined(
    axes: Axes,
    points: Sequence[Mapping[str, Estimate]],
    texts: Sequence[str],
    label: str,
    colour: str,
    marker: str = "o",
) -> None:
    x, y = ([one[metric] for one in points] for metric in ("accuracy", "mape"))
    values = [one.value for one in x], [one.value for one in y]
    axes.plot(*values, color=colour, linewidth=1.2, marker=marker, markersize=5, label=label)
    for one, other, text in zip(x, y, texts, strict=True):
        axes.plot([one.low, one.high], [other.value] * 2, color=colour, linewidth=0.8, alpha=0.4)
        axes.plot([one.value] * 2, [other.low, other.high], color=colour, linewidth=0.8, alpha=0.4)
        axes.annotate(text, (one.value, other.value), fontsize=8, color=colour, va="bottom")


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


def _strip(pictures: np.ndarray) -> np.ndarray:
    """Lay pictures side by side as RGB in [0, 1]: (n, c, h, w) -> (h, n (w + 1), 3)."""
    scaled = pictures / 255 if pictures.dtype == np.uint8 else np.clip(pictures, 0, 1)
    colour = scaled if scaled.shape[1] == 3 else np.repeat(scaled[:, :1], 3, axis=1)
    padded = np.pad(colour, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=1.0)
    return np.concatenate(list(padded.transpose(0, 2, 3, 1)), axis=1)


def _told(found: Mapping[str, Estimate]) -> str:
    parts = [f"{100 * found['accuracy'].value:.1f} %"] if "accuracy" in found else []
    parts += [f"error {found['mape'].value:.1f}"] if "mape" in found else []
    return ", ".join(parts)
