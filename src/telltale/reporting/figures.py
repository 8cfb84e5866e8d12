"""The figures of a run. Each function returns a matplotlib Figure; `save_png` writes it.

Colours are Okabe and Ito's, told apart by colour-blind readers; target, rivals and controls also differ in
line style. Labels are names of series; a name keeps its role by the `roles` mapping: "target", "rival" or
"control".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from telltale.evaluation.statistics import Band, Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TARGET, MISS = "#D55E00", "#9AA5B1"
RIVALS = ("#0072B2", "#009E73", "#56B4E9", "#003F5C", "#7B3294", "#8C6D31", "#4D4D4D", "#A6761D")
MARKERS = "osD^vPX*"  # of rivals: eight colours alone are too many to tell apart
CONTROLS = ("#6B7280", "#CC79A7", "#E69F00", "#B8A100")
STYLES = {"target": "-", "rival": "--", "control": ":", "variant": "-."}
STYLE: Any = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#4B5563",
    "axes.labelcolor": "#1F2937",
    "axes.grid": True,
    "grid.color": "#E5E7EB",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": "#4B5563",
    "ytick.color": "#4B5563",
}


def precision_curves(
    curves: Mapping[str, Band],
    roles: Mapping[str, str] | None = None,
    base_rate: float | None = None,
    title: str = "Precision of the top K",
) -> Figure:
    """Precision against K for target, rivals and controls, with bands; base_rate: a random ranking."""
    figure, axes = new_figure(title, "K (candidates published)", "precision")
    _bands(axes, curves, roles)
    if base_rate is not None:
        axes.axhline(base_rate, color="#374151", linewidth=1, linestyle=(0, (1, 1)), label="base rate")
    if not any(np.isfinite(curve.value).any() for curve in curves.values()):
        axes.set_xlim(1, 10)  # of nothing a logarithmic axis has no ends
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    _whole_ticks(axes)
    legend_below(axes)
    return figure


def roc_figure(
    curves: Mapping[str, Band],
    roles: Mapping[str, str] | None = None,
    title: str = "ROC at low false-positive rates",
) -> Figure:
    """Log-log ROC of several named scores with their bands; the diagonal is guessing."""
    figure, axes = new_figure(title, "false-positive rate", "true-positive rate", height=4.2 + 0.08 * len(curves))
    start = min((float(curve.x.min()) for curve in curves.values()), default=1e-3)
    # A rate of 0 has no place on a log axis: it is drawn at the floor.
    floor = start / 3
    drawn = {
        name: Band(c.x, *(np.clip(np.nan_to_num(side, nan=0), floor, 1) for side in (c.value, c.low, c.high)))
        for name, c in curves.items()
    }
    _bands(axes, drawn, roles)
    axes.plot([start, 1], [start, 1], color="#374151", linewidth=1, linestyle=(0, (1, 1)), label="guessing")
    axes.set(xscale="log", yscale="log", xlim=(start, 1), ylim=(floor, 1.1))
    legend_below(axes)
    return figure


def score_histograms(
    scores: np.ndarray,
    hits: np.ndarray,
    novel: np.ndarray | None = None,
    title: str = "Scores of hits and misses",
    names: tuple[str, str] = ("misses", "hits"),
    trim: float = 0.0,
) -> Figure:
    """Histograms of scores: misses, hits and, if `novel` is given, hits new to the attacker.

    scores  (…, candidates)
    hits    the same shape, bool
    novel   (candidates,) bool
    names   what misses and hits are called
    trim    share of the finite scores at either end that is drawn in the outermost bins
    """
    figure, axes = new_figure(title, "score", "share of the group")
    hits, finite = np.asarray(hits, dtype=bool), np.isfinite(scores)
    filled: dict[str, Any] = {"color": MISS, "alpha": 0.55, "histtype": "stepfilled"}
    line: dict[str, Any] = {"linewidth": 2, "histtype": "step"}
    groups = [(names[0], ~hits, filled), (names[1], hits, line | {"color": RIVALS[0]})]
    if novel is not None:
        groups.append(("novel hits", hits & np.asarray(novel, dtype=bool), line | {"color": TARGET}))
    low, high = np.quantile(scores[finite], [trim, 1 - trim]) if finite.any() else (0.0, 1.0)
    edges = np.histogram_bin_edges(np.clip(scores[finite], low, high), bins=40).tolist()
    for name, chosen, look in groups:
        values = np.clip(scores[chosen & finite], low, high)
        if len(values):
            shares = np.full(len(values), 1 / len(values))
            axes.hist(values, edges, weights=shares, label=f"{name} ({len(values):,})", **look)
    legend_below(axes)
    return figure


def mixing_histogram(mixing: np.ndarray, title: str = "Mixing weight α of the candidates") -> Figure:
    """Histogram of the mixing weights α of Eq. (1), with their mean and quartiles marked."""
    figure, axes = new_figure(title, "α", "candidates")
    values = np.ravel(mixing)
    values = values[np.isfinite(values)]
    if len(values):
        axes.hist(values, bins=40, color=RIVALS[2], edgecolor="white", linewidth=0.5)
        low, high = np.percentile(values, [25, 75])
        axes.axvspan(low, high, color=TARGET, alpha=0.12, label=f"quartiles {low:.2f} to {high:.2f}", zorder=0)
        axes.axvline(values.mean(), color=TARGET, linewidth=2, label=f"mean {values.mean():.2f}")
        legend_below(axes)
    return figure


def forest(
    rows: Mapping[str, Estimate],
    roles: Mapping[str, str] | None = None,
    metric: str = "auc",
    reference: float | None = None,
) -> Figure:
    """Intervals of one metric for attack, rivals and controls; reference: a dashed line, e.g. 0.5."""
    figure, axes = new_figure(
        f"{metric}: attack, rivals and controls", metric, "", height=1.3 + 0.36 * max(2, len(rows))
    )
    colours = _colours(rows, roles)
    for place, (name, estimate) in enumerate(rows.items()):
        ends = [[estimate.low, estimate.high]]
        if np.isfinite(ends).all():
            axes.plot(ends[0], [place, place], color=colours[name], linewidth=2.5, solid_capstyle="round")
        if np.isfinite(estimate.value):
            axes.plot(estimate.value, place, "o", color=colours[name], markersize=7)
            text = f"{estimate.value:.3f}"
            axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    if reference is not None:
        axes.axvline(reference, color="#374151", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    return figure


def save_png(figure: Figure, path: Path | str, dpi: int = 150) -> Path:
    """Write the figure as PNG, cut to what is drawn and a margin of a tenth of an inch, and return its path."""
    from PIL import Image

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = pixels_of(figure, dpi)
    drawn = (pixels != 255).any(2)
    rows, columns = (np.flatnonzero(drawn.any(axis)) for axis in (1, 0))
    if len(rows):
        pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    margin = dpi // 10
    framed = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), constant_values=255)
    Image.fromarray(framed).save(path, format="png", dpi=(dpi, dpi))
    return path


def pixels_of(figure: Figure, dpi: int) -> np.ndarray:
    """Lay the figure out on white and draw it once, where `savefig` cut to what is drawn does both twice.

    Returns (rows, columns, 3) uint8.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.dpi = dpi
    figure.set_facecolor("white")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def new_figure(title: str, x: str, y: str, height: float = 4.2) -> tuple[Figure, Axes]:
    """Return an empty figure in our style, and its axes."""
    figure, (axes,) = new_panels([title], x, y, height, 6.4)
    return figure, axes


def new_panels(titles: Sequence[str], x: str, y: str, height: float, width: float) -> tuple[Figure, list[Axes]]:
    """Return an empty figure in our style with a panel for each title; they share the vertical axis."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):  # a Figure of its own leaves the caller's backend and pyplot state alone
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        panels = list(figure.subplots(1, len(titles), sharey=True, squeeze=False)[0])
        for axes, title in zip(panels, titles, strict=True):
            axes.set(title=title, xlabel=x)
        panels[0].set_ylabel(y)
    return figure, panels


def _bands(axes: Axes, curves: Mapping[str, Band], roles: Mapping[str, str] | None) -> None:
    colours, rivals = _colours(curves, roles), sum(_role(name, roles) == "rival" for name in curves)
    for name, curve in curves.items():
        role = _role(name, roles)
        look: dict[str, Any] = {"linewidth": 2.4 if role == "target" else 1.6, "linestyle": STYLES[role], "label": name}
        if role == "rival":
            marker = MARKERS[RIVALS.index(colours[name]) % len(MARKERS)]
            look |= {"marker": marker, "markersize": 4.5, "markevery": max(1, len(curve.x) // 8)}
        axes.plot(curve.x, curve.value, color=colours[name], zorder=3 if role == "target" else 2, **look)
        shade = min(0.06, 0.24 / rivals) if role == "rival" else 0.12
        axes.fill_between(curve.x, curve.low, curve.high, color=colours[name], alpha=shade, linewidth=0)


def _role(name: str, roles: Mapping[str, str] | None) -> str:
    return (roles or {}).get(name, "target" if name == "target" else "rival")


def _colours(names: Mapping[str, Any], roles: Mapping[str, str] | None) -> dict[str, str]:
    palettes = {"target": (TARGET,), "rival": RIVALS, "control": CONTROLS, "variant": RIVALS}
    used: dict[str, int] = {}
    colours = {}
    for name in names:
        role = _role(name, roles)
        colours[name] = palettes[role][used.get(role, 0) % len(palettes[role])]
        used[role] = used.get(role, 0) + 1
    return colours


def _whole_ticks(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def legend_below(axes: Axes, *others: Axes) -> None:
    """Put the legend under the figure, where there is something to name, in as many columns as are no wider than it.

    others: panels that show what the first does not; what several show is named once.
    """
    from matplotlib.figure import Figure

    named = {
        label: handle for one in (axes, *others) for handle, label in zip(*one.get_legend_handles_labels(), strict=True)
    }
    handles, labels = list(named.values()), list(named)
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    look: dict[str, Any] = {"loc": "outside lower center", "frameon": False, "fontsize": 9}
    for columns in range(min(4, len(handles)), 0, -1):
        legend = figure.legend(handles, labels, ncols=columns, **look)
        if legend.get_window_extent().width <= figure.bbox.width or columns == 1:
            return
        legend.remove()
