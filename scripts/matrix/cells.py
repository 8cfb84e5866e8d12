"""What a run says of each attack in it: how much it finds, and how much of that is the model's memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telltale.papers.results import Measured

# the first of these that a run has is what its attacks are compared by; what guessing gives. None: guessing is no
# control, as what never asks the model does better too: chemistry tells likely molecules from others
HEADLINES = {
    "novel_auc": None,
    "discordant_auc": None,
    "auc": 0.5,
    "recognised": None,
}


@dataclass(frozen=True)
class Cell:
    """One attack under one defence.

    found    by the headline metric
    leak     what it finds more than its best control does; where it has no control of its own, more than guessing
    control  name of what it is compared with
    seconds  of the attack alone, models not counted
    """

    metric: str
    found: Measured
    leak: Measured | None
    control: str
    seconds: float

    @property
    def verdict(self) -> str:
        """Say leaks, not above, unclear (it may lie above 0.1 too), or not judged: nothing to compare with."""
        if self.leak is None:
            return "not judged"
        if self.found.cautions or not np.isfinite([self.leak.low, self.leak.high]).all():
            return "unclear"
        if self.leak.low > 0:
            return "leaks"
        return "unclear" if self.leak.high > 0.1 else "not above"


@dataclass(frozen=True)
class Played:
    """One run: its attacks by name, what the model is still good for, and how long the whole took."""

    attacks: dict[str, Cell]
    answer: str
    utility: dict[str, float]
    guarantee: str
    seconds: float


def read(folder: Path, word: str) -> Played:
    """Read a finished run of the attack `word`."""
    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    named = {word: document["metrics"]} | document.get("rivals", {})
    metric = next((name for name in HEADLINES if name in document["metrics"]), next(iter(document["metrics"]), ""))
    costs = document.get("costs", {})
    attacks = {}
    for name, metrics in named.items():
        found = Measured.of(metrics.get(metric, {"value": None}))
        if np.isnan(found.value):
            continue
        leak, control = over_control(document, metric) if name == word else (None, "")
        if leak is None:
            leak, control = over_chance(found, HEADLINES.get(metric))
        cost = costs.get("target" if name == word else name, {})
        attacks[name] = Cell(metric, found, leak, control, float(cost.get("seconds", 0.0)))
    utility = {str(name): float(value) for name, value in document.get("target", {}).items() if _is_number(value)}
    return Played(
        attacks,
        str((document.get("answer") or {}).get("kind", "")),
        utility,
        _promise(document.get("guarantee")),
        float(sum(document.get("seconds", {}).values())),
    )


def over_control(document: dict[str, Any], metric: str) -> tuple[Measured | None, str]:
    """Return the attack's lead over the control that comes nearest, and that control's name."""
    entry = document.get("leakage", {}).get(metric, {"value": None})
    return (None, "") if entry["value"] is None else (Measured.of(entry), str(entry["control"]))


def over_chance(found: Measured, chance: float | None) -> tuple[Measured | None, str]:
    """Return the lead over guessing, where it is known what guessing gives."""
    if chance is None:
        return None, ""
    return Measured(found.value - chance, found.low - chance, found.high - chance), "guessing"


def _promise(guarantee: dict[str, Any] | None) -> str:
    if not guarantee:
        return ""
    epsilon = guarantee.get("epsilon")
    return f"ε = {epsilon:.3g}" if _is_number(epsilon) else str(guarantee.get("name", "a promise"))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
