"""What a paper's runs measured, as their folders say it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CAUTIONS = ("cannot tell", "is fewer than 10 ")  # what a note says where its figure decides nothing


@dataclass(frozen=True)
class Measured:
    """One figure of one run.

    value      the figure; NaN where the run has none
    low, high  95 % interval of this run alone; NaN where the figure has none, or was worked out of several
    note       what a reader must know beside it
    """

    value: float
    low: float = np.nan
    high: float = np.nan
    note: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Measured:
        """Read a figure as metrics.json has it: null is NaN."""
        value, low, high = (np.nan if entry.get(name) is None else entry[name] for name in ("value", "low", "high"))
        return cls(float(value), float(low), float(high), str(entry.get("note", "")))

    @property
    def cautions(self) -> tuple[str, ...]:
        """What of the note says that nothing can be told: too few records behind the figure.

        >>> Measured(0.6, note="threshold chosen here; cannot tell: 12 discordant candidates, 300 needed").cautions
        ('12 discordant candidates, 300 needed',)
        """
        parts = [part.strip() for part in self.note.split("; ")]
        doubtful = [part for part in parts if any(caution in part for caution in CAUTIONS)]
        return tuple(dict.fromkeys(part.removeprefix("cannot tell: ") for part in doubtful))


Run = Mapping[str, Measured]  # "name/metric" -> what was measured
Results = Mapping[tuple[str, int], Run]  # (experiment, seed) -> its run


def read_run(folder: Path) -> Run | None:
    """Read every figure of a finished run, its owners' own success as "owner/…"; None where there is no run.

    What each attack took is among them: its `queries`, all calls together, and its `seconds`, by that machine.
    """
    file = folder / "metrics.json"
    if not file.exists():
        return None
    document = json.loads(file.read_text("utf-8"))
    evidence = {"target": document["metrics"]}
    for role in ("controls", "rivals", "variants"):
        evidence |= document.get(role, {})
    found = {
        f"{name}/{metric}": Measured.of(entry)
        for name, metrics in evidence.items()
        for metric, entry in metrics.items()
    }
    owners = {f"owner/{name}": Measured.of({"value": value}) for name, value in document.get("target", {}).items()}
    costs = {
        f"{name}/{what}": Measured(float(value))
        for name, cost in document.get("costs", {}).items()
        for what, value in (("queries", sum(cost["queries"].values())), ("seconds", cost["seconds"]))
    }
    return costs | found | owners
