"""What a run found, as the reporting room sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from telltale.evaluation.score import Scored
from telltale.evaluation.statistics import Estimate


@dataclass(frozen=True)
class Cost:
    """What one piece of evidence took: records asked for by call, over all victims, and wall-clock seconds."""

    queries: Mapping[str, int]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return {"queries": {call: count}, "seconds"}."""
        return {"queries": dict(self.queries), "seconds": round(float(self.seconds), 3)}


@dataclass(frozen=True)
class Outcome:
    """What a run found: evidence by name, its scores, which names are controls and rivals, and the costs.

    costs: by name of evidence; challenge: Records of the challenge points, in the order of the score columns, or
    None; membership: (victims, points) bool, or None; variants: names of other releases that were attacked; payload:
    of malicious training code, the records it hid in each victim; examples: some training records and what a data
    stage made of them, by name, in equal order.
    """

    evidence: Mapping[str, Any]
    scored: Scored
    controls: tuple[str, ...]
    rivals: tuple[str, ...]
    guarantee: Mapping[str, Any] | None
    target: Mapping[str, float]
    queries: Mapping[str, int]
    notes: tuple[str, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)
    challenge: Any = None
    membership: np.ndarray | None = None
    variants: tuple[str, ...] = ()
    payload: tuple[Any, ...] = ()
    examples: Mapping[str, Any] = field(default_factory=dict)

    @property
    def roles(self) -> dict[str, str]:
        """Say for each name of evidence what it is."""
        kinds = {"target": ("target",), "control": self.controls, "rival": self.rivals, "variant": self.variants}
        return {name: kind for kind, names in kinds.items() for name in names}

    def metrics_of(self, names: tuple[str, ...]) -> dict[str, Mapping[str, Estimate]]:
        """Return the metrics of several pieces of evidence."""
        return {name: self.scored.metrics[name] for name in names if name in self.scored.metrics}
