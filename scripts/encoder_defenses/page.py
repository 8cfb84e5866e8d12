"""docs/encoder_defenses.md: the table, a figure of leak against use, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from scripts.encoder_defenses.rows import LEARNED, SIZES, Found
from scripts.pages import machine
from telltale.papers.grid_view import markdown
from telltale.papers.results import Measured
from telltale.reporting.figures import new_figure

PICTURE = "encoder_defenses.png"
TEMPLATE = Path(__file__).with_name("encoder_defenses.md.template")
Untrained = Mapping[str, Mapping[str, Measured]]  # objective -> task -> AUC of the probe
COLOURS = {"infograph": "#2563EB", "edge prediction": "#D97706"}


def table(found: Sequence[Found], untrained: Untrained | None = None) -> list[list[str]]:
    """Return the table: a row a defence, then encoders that were never trained, by objective."""
    tasks = list(found[0].probes) if found else []
    rows = [
        [
            *("encoders", "defence", "extraction: novel precision", "its best control"),
            *("membership: AUC", "its best control", "distance alone, plain / calibrated"),
            *(f"probe: {task.upper()}" for task in tasks),
        ]
    ]
    for one in found:
        says = one.row.says + (f" (spent {one.guarantee})" if one.guarantee else "")
        rows.append(
            [
                *(one.row.objective, says, shown(one.novel), f"{shown(one.base[1])} {one.base[0].replace('_', ' ')}"),
                *(shown(one.membership), f"{one.control[1].value:.3f} {one.control[0].replace('_', ' ')}"),
                " / ".join(f"{auc.value:.3f}" for auc in one.norm),
                *(shown(one.probes[task]) for task in tasks),
            ]
        )
    for objective, probes in (untrained or {}).items():
        rows.append([objective, "never trained", *["–"] * 5, *(shown(probes[task]) for task in tasks)])
    return rows


def figure(found: Sequence[Found], untrained: Untrained | None = None) -> Figure:
    """Draw how well members are told under each defence against what the encoder is still good for."""
    x = "mean AUC of linear probes: what the encoder is good for"
    drawn, axis = new_figure("Leak against use, by defence", x, "membership: AUC", height=5.2)
    for place, one in enumerate(found):
        colour, plain = COLOURS[one.row.objective], one.row.words == ("defense=none",)
        leak = one.membership
        axis.vlines(one.use, leak.low, leak.high, color=colour, linewidth=1, alpha=0.4)
        axis.plot(one.use, leak.value, "*" if plain else "o", color=colour, markersize=13 if plain else 6, zorder=3)
        aside = (-6, 4 - 14 * (place % 2)) if place % 2 else (6, 4)
        side = "right" if place % 2 else "left"
        axis.annotate(
            one.row.name, (one.use, leak.value), xytext=aside, textcoords="offset points", fontsize=7.5, ha=side
        )
    controls = [one.control[1].value for one in found]
    axis.axhline(sum(controls) / len(controls), color="#6B7280", linewidth=1, linestyle=(0, (3, 2)))
    axis.plot([], [], color="#6B7280", linewidth=1, linestyle=(0, (3, 2)), label="mean of the best controls")
    for objective, probes in (untrained or {}).items():
        mean = sum(one.value for one in probes.values()) / len(probes)
        label = f"never trained, {objective}"
        axis.axvline(mean, color=COLOURS[objective], linewidth=1, linestyle=(0, (1, 1)), label=label)
    for objective, colour in COLOURS.items():
        axis.plot([], [], "o", color=colour, label=objective)
    axis.plot([], [], "*", color="#374151", label="no defence")
    axis.legend(fontsize=7.5, loc="lower left")
    return drawn


def page(found: Sequence[Found], scale: str, tasks: bool, untrained: Untrained | None = None) -> str:
    """Write the page."""
    plain = {one.row.objective: one for one in found if one.row.words == ("defense=none",)}
    return TEMPLATE.read_text(encoding="utf-8").format(
        table=markdown(table(found, untrained)),
        sizes=", ".join(f"`{word}`" for word in (*SIZES[scale], *LEARNED[scale])),
        tasks="BBBP, BACE and B3DB" if tasks else "B3DB",
        machine=machine("torch", "rdkit", "scikit-learn"),
        picture=PICTURE,
        reading="\n".join(reading(found, plain)),
        never="\n".join(never_trained(plain, untrained or {})),
    )


def reading(found: Sequence[Found], plain: dict[str, Found]) -> list[str]:
    """Say of each defence what of the leak is left, and what of the use, beside no defence."""
    lines = []
    for one in found:
        base = plain.get(one.row.objective)
        if base is None or one is base:
            continue
        left = _left(one.membership.value, base.membership.value)
        lost = f"{one.use - base.use:+.3f} of the probes' AUC"
        auc = f"membership {base.membership.value:.3f} → {one.membership.value:.3f}"
        lines.append(f"- {one.row.says} ({one.row.objective}): {auc}{left}; {lost}.")
    return lines


def never_trained(plain: Mapping[str, Found], untrained: Untrained) -> list[str]:
    """Say how much of the probes' AUC training has added at all."""
    lines = []
    for objective, probes in untrained.items():
        if objective in plain:
            before = sum(one.value for one in probes.values()) / len(probes)
            now = plain[objective].use
            shares = f"{before:.3f} on average, {now:.3f} once trained and undefended"
            lines.append(f"- never trained ({objective}): {shares}; training adds {now - before:+.3f}, and no more.")
    return lines


def _left(now: float, before: float) -> str:
    lead = before - 0.5
    return f" ({100 * (now - 0.5) / lead:.0f} % of the lead over one half)" if lead > 0.02 else ""


def shown(one: Measured) -> str:
    """Write a figure with its interval, where it has one that says something."""
    if np.isnan(one.value):
        return "–"
    if not np.isfinite([one.low, one.high]).all():
        return f"{one.value:.3f}"
    return f"{one.value:.3f} [{one.low:.2f}, {one.high:.2f}]"
