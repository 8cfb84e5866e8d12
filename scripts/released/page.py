"""docs/released_models.md and its figure, from what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scripts.pages import machine
from scripts.released.measure import Figures, Found
from scripts.released.template import TEMPLATE
from telltale.papers.grid_view import markdown
from telltale.reporting.figures import CONTROLS, RIVALS, TARGET, legend_below, new_figure
from telltale.reporting.sentences import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "plain_error": "plain error",
    "population_rmia_error": "RMIA, population",
    "quantile_regression_error": "quantile regression",
}
ORDER = tuple(NAMES)
PICTURE = "released_models.png"
STRONG = 0.75


def page(found: Sequence[Found], replicates: int, shadows: str = "", encoders: str = "") -> str:
    """Write the whole page; shadows, encoders: its sections about shadow models and about encoders, where measured."""
    others = len(found[0].null)
    return TEMPLATE.format(
        models=len(found),
        summary=summary(found),
        picture=PICTURE,
        plain=markdown(plain_table(found)),
        attacks=markdown(attack_table(found)),
        verdicts=markdown(verdict_table(found)),
        controls=markdown(control_table(found)),
        oracle=markdown(oracle_table(found)),
        others=others,
        smallest=f"{1 / (1 + others):.3f}",
        replicates=f"{replicates:,}",
        meaning=meaning(found),
        by_epochs=by_epochs(found),
        strongest=strongest(found),
        shadows=shadows,
        encoders=encoders,
        machine=machine("numpy", "scikit-learn", "rdkit", "torch"),
    )


def plain_table(found: Sequence[Found]) -> list[list[str]]:
    """Return plain error on all rows, row by row of the table."""
    head = ["model", "epochs", "molecules", "members", "AUC", "TPR at 10 % FPR", "TPR at 1 % FPR", "AUC, occur once"]
    rows = [
        [
            one.table.name,
            str(one.table.epochs),
            f"{len(one.table):,}",
            f"{one.plain.members:,}",
            interval(one.plain.auc),
            interval(one.plain.tpr_10),
            interval(one.plain.tpr_1),
            f"{interval(one.once.auc)} ({one.once.members + one.once.others:,})",
        ]
        for one in found
    ]
    return [
        [*head, "mean error, members / others"],
        *([*row, _errors(one)] for row, one in zip(rows, found, strict=True)),
    ]


def attack_table(found: Sequence[Found]) -> list[list[str]]:
    """Return every attack without shadows on the rows that are no part of the population."""
    rows = [["model", "members / others judged", *(f"{NAMES[name]}: AUC; TPR at 10 %" for name in ORDER)]]
    for one in found:
        judged = one.by_attack[ORDER[0]]
        cells = [_both(one.by_attack.get(name)) for name in ORDER]
        rows.append([one.table.name, f"{judged.members:,} / {judged.others:,}", *cells])
    return rows


def verdict_table(found: Sequence[Found]) -> list[list[str]]:
    """Return the verdict of each model, and its sentence."""
    return [["model", "verdict"], *([one.table.name, _named(one.sentence)] for one in found)]


def control_table(found: Sequence[Found]) -> list[list[str]]:
    """Return what the same numbers are where there is nothing to find."""
    rows = [
        [
            "model",
            "plain error, AUC",
            "roles of other seeds: 2.5 % … 97.5 %; largest",
            "p",
            "detector without the model",
            "plain error among alike",
            "same scaffold (members / others)",
        ]
    ]
    for one in found:
        low, high = np.quantile(one.null, [0.025, 0.975])
        inside, outside = one.partners
        rows.append(
            [
                one.table.name,
                interval(one.plain.auc),
                f"{low:.3f} … {high:.3f}; {one.null.max():.3f}",
                f"{one.p:.3f}",
                interval(one.detector),
                interval(one.alike[ORDER[0]]),
                f"{interval(one.scaffold)} ({inside:,} / {outside:,})",
            ]
        )
    return rows


def oracle_table(found: Sequence[Found]) -> list[list[str]]:
    """Return by how much the stored mean of the targets misses what a seed's training rows have."""
    rows = [["model", "the seed it was split by", "nearest of the others"]]
    return [*rows, *([one.table.name, *(f"{value:.1e}" for value in one.oracle)] for one in found)]


def summary(found: Sequence[Found]) -> str:
    """Say in a line what came out."""
    leaks = [one.table.name for one in found if one.kind == "leaks"]
    strong = [one for one in found if one.plain.auc.value > STRONG]
    best = max(found, key=lambda one: one.plain.auc.value)
    return (
        f"{len(leaks)} of {len(found)} released models tell who was in their training data by their answers alone; "
        f"{len(strong)} of them with an AUC above {STRONG} (largest {best.plain.auc.value:.3f}, {best.table.name})."
    )


def meaning(found: Sequence[Found]) -> str:
    """Say what it means for a molecule, by the figures of the model that tells most."""
    best = max(found, key=lambda one: one.plain.tpr_10.value)
    hit = best.plain.tpr_10.value
    half, few = (hit * prior / (hit * prior + 0.1 * (1 - prior)) for prior in (0.5, 0.01))
    return (
        f"Whoever holds {best.table.name}'s weights, a molecule and its measured value finds {100 * hit:.0f} % of the "
        "molecules that it was trained on, with one prediction each, and accuses one in ten of the others. Where half "
        f"of those asked about were members, {100 * half:.0f} % of accusations are right; where one in a hundred was, "
        f"{100 * few:.0f} %."
    )


def by_epochs(found: Sequence[Found]) -> str:
    """Say how AUCs go with training time."""
    parts = []
    for epochs in sorted({one.table.epochs for one in found}, reverse=True):
        values = [one.plain.auc.value for one in found if one.table.epochs == epochs]
        span = f"{min(values):.2f}" if len(values) == 1 else f"{min(values):.2f} to {max(values):.2f}"
        parts.append(f"{epochs:,} epochs: {span} ({len(values)})")
    return "; ".join(parts)


def strongest(found: Sequence[Found]) -> str:
    """Say which attack ranks best, model by model."""
    counts = Counter(max(one.by_attack, key=lambda name: one.by_attack[name].auc.value) for one in found)
    return "; ".join(f"{NAMES.get(name, name)} {number}" for name, number in counts.most_common())


def figure(found: Sequence[Found]) -> Figure:
    """Draw each model's attacks against what the same numbers are where there is nothing to find."""
    ordered = sorted(found, key=lambda one: one.plain.auc.value)
    drawn, axes = new_figure("Members of models that others released", "AUC", "", height=0.45 * len(found) + 1.9)
    colours = dict(zip(ORDER, (TARGET, *RIVALS), strict=False))
    marks = dict(zip(ORDER, "osD", strict=True))
    for height, one in enumerate(ordered):
        low, high = one.null.min(), one.null.max()
        axes.barh(height, high - low, 0.62, low, color="#E5E7EB", zorder=1)
        shown = [(name, one.by_attack[name].auc) for name in ORDER if name in one.by_attack]
        for place, (name, auc) in enumerate(shown):
            at = height + 0.16 - 0.16 * place
            axes.hlines(at, auc.low, auc.high, color=colours[name], linewidth=1.6, zorder=3)
            axes.plot(auc.value, at, marks[name], color=colours[name], markersize=4.5, zorder=4)
        at = height - 0.32
        axes.hlines(at, one.detector.low, one.detector.high, color=CONTROLS[0], linewidth=1.2, zorder=2)
        axes.plot(one.detector.value, at, "x", color=CONTROLS[0], markersize=4.5, zorder=2)
    axes.axvline(0.5, color="#374151", linewidth=1, linestyle=(0, (1, 1)))
    axes.set_yticks(range(len(ordered)), [f"{one.table.name} ({len(one.table):,})" for one in ordered])
    for name in ORDER:
        axes.plot([], [], marks[name], linestyle="-", color=colours[name], label=NAMES[name])
    axes.plot([], [], "x", linestyle="-", color=CONTROLS[0], label="detector without the model")
    axes.barh(0, 0, color="#E5E7EB", label=f"plain error, roles of {len(found[0].null)} other seeds")
    axes.set_xlim(0.35, 1)
    axes.grid(axis="y", visible=False)
    legend_below(axes)
    return drawn


def _both(figures: Figures | None) -> str:
    return "–" if figures is None else f"{interval(figures.auc)}; {interval(figures.tpr_10)}"


def _errors(one: Found) -> str:
    return " / ".join(f"{error:.3g}" for error in one.error)


def _named(sentence: str) -> str:
    for name, words in NAMES.items():
        sentence = sentence.replace(name, words)
    return sentence.replace("no_model", "the detector without the model")
