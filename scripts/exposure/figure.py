"""The map: the AUC that the law says over sizes and epochs, measured cells on it, and objectives side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scripts.exposure.laws import Exposure
from telltale.evaluation.leakage_law import Law

LEVELS = (0.5, 0.51, 0.525, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
LINES = (0.525, 0.55, 0.6, 0.7, 0.8, 0.9)
IN_USE = (2_000_000, 100)  # molecules and epochs of the encoders that are shared: Hu et al. 2020 and who followed
APART = 0.05  # AUC, from which forms of the law say different things
INK = "#1b2a33"


def draw(exposure: Exposure, law: Law, forms: Sequence[float], file: Path) -> None:
    """Write the map of the leakiest objective, and the objectives' AUC at the reference.

    forms: what forms of the law that are as good say at sizes in use; where they disagree, the map ends with the cells.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context({"font.size": 9, "axes.edgecolor": INK, "text.color": INK, "axes.labelcolor": INK}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), width_ratios=(1.65, 1), layout="constrained")
        _map(exposure, law, forms, left)
        _ranking(exposure, law, right)
        figure.savefig(file, dpi=130)
        plt.close(figure)


def _map(exposure: Exposure, law: Law, forms: Sequence[float], axes) -> None:  # type: ignore[no-untyped-def]
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    objective = exposure.ranked(law)[0][0]
    width = exposure.design.usual_width(objective)
    measured = [m for m in exposure.measured if m.cell.objective == objective and m.cell.width == width]
    sizes, epochs = np.geomspace(20, 4e6, 120), np.geomspace(2, 1000, 80)
    grid = np.stack([exposure.at(law, objective, sizes, e, scattered=False)[0] for e in epochs])
    norm, colours = mpl.colors.BoundaryNorm(LEVELS, 256), plt.get_cmap("magma_r")
    axes.contourf(sizes, epochs, grid, LEVELS, cmap=colours, norm=norm, extend="min", alpha=0.9)
    lines = axes.contour(sizes, epochs, grid, LINES, colors="white", linewidths=0.9)
    axes.clabel(lines, fmt=lambda level: f"{level:g}", fontsize=8)
    largest = max(m.cell.members for m in measured)
    agreed = max(forms) - min(forms) <= APART
    face, told = (
        ("none", "nothing measured here:\nthe law, continued") if agreed else ("white", "nothing measured here,")
    )
    if not agreed:
        told += f"\nand laws that fit as well\nsay {min(forms):.2f} to {max(forms):.2f} at the star"
    style = {"hatch": "///", "linewidth": 0, "edgecolor": "#66778890", "facecolor": face}
    axes.axvspan(largest * 1.25, sizes[-1], zorder=2, **style)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.9}
    axes.text(largest * 1.6, 2.3, told, fontsize=8, va="bottom", bbox=box, zorder=3)
    for kept_back, marker, label in ((False, "o", "measured"), (True, "D", "measured, kept back from the fit")):
        rows = [m for m in measured if m.cell.kept_back is kept_back]
        if rows:
            places = [m.cell.members for m in rows], [m.cell.epochs for m in rows]
            areas = [(m.auc() or {})["value"] for m in rows]
            axes.scatter(
                *places,
                c=areas,
                cmap=colours,
                norm=norm,
                s=58,
                marker=marker,
                edgecolors="white",
                linewidths=1.4,
                label=label,
                zorder=3,
            )
            for x, y, area in zip(*places, areas, strict=True):
                axes.annotate(
                    f"{area:.2f}",
                    (x, y),
                    (0, 7),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7.5,
                    color="black",
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.6},
                )
    axes.plot(
        *IN_USE,
        "*",
        color="#1f9e89",
        markersize=15,
        markeredgecolor="white",
        label="2 M molecules, 100 epochs",
        linestyle="none",
        zorder=3,
    )
    axes.set(xscale="log", yscale="log", xlim=(sizes[0], sizes[-1]), ylim=(epochs[0], epochs[-1]))
    axes.set(xlabel="training molecules |G|", ylabel="epochs")
    axes.set_title(f"Members told from others (AUC): {objective.replace('_', ' ')}, width {width}", loc="left")
    axes.legend(loc="upper left", fontsize=8, framealpha=0.9)
    shades = mpl.cm.ScalarMappable(norm, colours)
    axes.figure.colorbar(shades, ax=axes, label="AUC by the law", pad=0.015, ticks=LEVELS[::2])


def _ranking(exposure: Exposure, law: Law, axes) -> None:  # type: ignore[no-untyped-def]
    rows = exposure.ranked(law)[::-1]
    places = np.arange(len(rows))
    values, low, high = (np.array([row[place] for row in rows]) for place in (1, 2, 3))
    leaks = low > 0.5
    axes.axvline(0.5, color=INK, linewidth=0.8)
    for place in places:
        colour = "#b5367a" if leaks[place] else "#8a98a0"
        axes.plot([low[place], high[place]], [place, place], color=colour, linewidth=2, solid_capstyle="round")
        axes.plot(values[place], place, "o", color=colour, markersize=6)
    axes.set_yticks(places, [row[0].replace("_", " ") for row in rows])
    reference = exposure.design.reference
    axes.set(xlabel="AUC by the law, 95 % interval; one half = nothing")
    axes.set_title(f"At {reference['members']:,} molecules, {reference['epochs']} epochs", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
