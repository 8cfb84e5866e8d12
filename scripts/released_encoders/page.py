"""docs/released_encoders.md: tables, a figure of mixing weights, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from scripts.pages import machine
from scripts.released.encoders import AUXILIARY, REFERENCE
from scripts.released_encoders.ranking import LISTED, Ranked, Rankings, agreement
from scripts.released_encoders.tuning import FIXED, RIVALS, SIZES, Tuned
from telltale.papers.grid_view import markdown
from telltale.papers.results import Measured
from telltale.reporting.figures import new_panels

PICTURE = "released_encoders.png"
TEMPLATE = Path(__file__).with_name("released_encoders.md.template")
PAPER = {"reconstruction": 0.35, "context prediction": 0.54}  # peaks of α in Huang et al., Figure 3


def ranking_table(rankings: Rankings) -> list[list[str]]:
    """Return a row for each encoder and scorer, the list that asks none last."""
    rows = [
        [
            *("encoder", "scorer", "precision against its training molecules", "AUC, parts of public molecules"),
            *(f"first {LISTED} new ones: parts of public molecules", f"FCD of the first {LISTED}"),
            "α: mean (lower … upper quartile)",
        ]
    ]
    for one in (*rankings.ranked, rankings.blind):
        distance = "not available" if one.distance is None else f"{one.distance:.1f}"
        cells = f"{one.area:.3f}", f"{one.precision:.3f}", distance, spread(one)
        rows.append([one.name.replace("_", " "), one.scorer.replace("_", " "), "not available", *cells])
    return rows


def spread(one: Ranked) -> str:
    """Write the mean and the quartiles of α."""
    if one.mixing is None:
        return "–"
    low, high = np.quantile(one.mixing, [0.25, 0.75])
    return f"{one.mixing.mean():.2f} ({low:.2f} … {high:.2f})"


def agreement_table(rankings: Rankings) -> list[list[str]]:
    """Return how far pairs of encoders agree, by scorer and kind of pair."""
    rows = [["scorer", "pairs", "Spearman's ρ of ranks", f"shared of the first {LISTED}"]]
    for scorer in dict.fromkeys(one.scorer for one in rankings.ranked):
        for kind, (rho, shared) in agreement(rankings.of(scorer)).items():
            rows.append([scorer.replace("_", " "), kind, f"{rho:.2f}", f"{shared:.2f}"])
    return rows


def tuning_table(tuned: Sequence[Tuned]) -> list[list[str]]:
    """Return what attacks find of the fine-tuning set, from every start."""
    head = ["start", "accuracy: training / test", "LiRA: AUC", "TPR at 1 % FPR"]
    rows = [[*head, *(f"{name.replace('_', ' ')}: AUC" for name in RIVALS), "not fine-tuned, LiRA: AUC"]]
    for one in tuned:
        accuracy = f"{one.task['train_accuracy']:.2f} / {one.task['accuracy']:.2f}"
        others = [shown(one.areas[name]) if name in one.areas else "–" for name in RIVALS]
        cells = shown(one.areas["lira"]), shown(one.found), *others, shown(one.control)
        rows.append([one.start.name.replace("_", " "), accuracy, *cells])
    return rows


def shown(one: Measured) -> str:
    """Write a figure with its interval."""
    if not np.isfinite([one.low, one.high]).all():
        return f"{one.value:.3f}"
    return f"{one.value:.3f} [{one.low:.2f}, {one.high:.2f}]"


def figure(rankings: Rankings) -> Figure:
    """Draw the distribution of α of each encoder, by scorer."""
    scorers = list(dict.fromkeys(one.scorer for one in rankings.ranked if one.mixing is not None))
    titles = [f"scorer={name}" for name in scorers]
    drawn, axes = new_panels(titles, "α, the weight of the ring", "share of candidates", 4.4, 11.0)
    for axis, name in zip(axes, scorers, strict=True):
        for one in rankings.of(name):
            assert one.mixing is not None
            edges = np.linspace(-0.2, 1.2, 71)
            counts, _ = np.histogram(np.clip(one.mixing, edges[0], edges[-1]), edges)
            style = "-" if one.trained else ":"
            axis.plot((edges[1:] + edges[:-1]) / 2, counts / len(one.mixing), style, label=one.name.replace("_", " "))
        for peak in PAPER.values():
            axis.axvline(peak, color="#6B7280", linewidth=0.8, linestyle=(0, (3, 2)))
    axes[0].legend(fontsize=7)
    return drawn


def page(rankings: Rankings, tuned: Sequence[Tuned], scale: str) -> str:
    """Write the page."""
    of_paper = rankings.of("paper")
    return TEMPLATE.read_text(encoding="utf-8").format(
        picture=PICTURE,
        candidates=f"{rankings.candidates:,}",
        base=f"{rankings.base:.2f}",
        auxiliary=f"{AUXILIARY:,}",
        public=f"{REFERENCE:,}",
        listed=LISTED,
        ranking=markdown(ranking_table(rankings)),
        agreement=markdown(agreement_table(rankings)),
        tuning=markdown(tuning_table(tuned)) if tuned else "Nothing was fine-tuned: there was no bbbp.csv.",
        trained=_range([one.area for one in of_paper if one.trained]),
        untrained=_range([one.area for one in of_paper if not one.trained]),
        blind=f"{rankings.blind.area:.3f}",
        mixing=_mixing(of_paper),
        tuned=_tuned(tuned),
        words=" ".join((*FIXED, *SIZES[scale])),
        machine=machine("torch", "rdkit", "scikit-learn"),
    )


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.3f} to {max(values):.3f}" if values else "–"


def _mixing(ranked: Sequence[Ranked]) -> str:
    means = {one.name.replace("_", " "): float(one.mixing.mean()) for one in ranked if one.mixing is not None}
    return ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())


def _tuned(tuned: Sequence[Tuned]) -> str:
    """Compare each released start with the fresh one of its kind."""
    fresh = {one.start.kind: one for one in tuned if one.start.weights is None}
    lines = []
    for one in tuned:
        if one.start.weights is not None and (other := fresh.get(one.start.kind)):
            compared = [
                f"{title} {one.areas[name].value:.3f} against {other.areas[name].value:.3f}"
                for name, title in (("lira", "LiRA"), ("rmia", "RMIA"))
                if name in one.areas and name in other.areas
            ]
            gain, name = one.task["accuracy"] - other.task["accuracy"], one.start.name.replace("_", " ")
            said = f"{', '.join(compared)} from fresh weights; test accuracy {gain:+.3f}"
            lines.append(f"- {name}: {said}.")
    return "\n".join(lines)
