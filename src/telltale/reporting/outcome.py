"""What a run found, as the reporting room sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from telltale.evaluation.score import Scored


@dataclass(frozen=True)
class Cost:
    """What one piece of evidence took: records asked for by call, over all victims, and wall-clock seconds."""

    queries: Mapping[str, int]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return {"queries": {call: count}, "seconds"}."""
        return {"queries": dict(self.queries), "seconds": round(float(self.seconds), 3)}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run found.

    evidence    what the attack, its controls, variants and rivals handed over, by name; the attack's is "target";
                None where there is none, e.g. no blind guess
    scored      the metrics of all evidence
    controls    names of the evidence from worlds in which there is nothing to find
    rivals      names of the evidence of other attacks on the same target
    variants    names of the evidence from other releases of the same victims
    guarantee   what the defence promises; None: nothing
    target      how well the owner's own task is learned, by name
    queries     records that the target was asked about, by call
    notes       sentences that the report must not leave out
    costs       what each piece of evidence took, by its name
    challenge   Records of the challenge points, in the order of the score columns, or None
    membership  (victims, points) bool: the point is in the victim; or None
    payload     of malicious training code: the records it hid in each victim
    examples    some training records and what a data stage made of them, by name, in equal order
    """

    evidence: Mapping[str, Any]
    scored: Scored
    controls: tuple[str, ...]
    rivals: tuple[str, ...]
    variants: tuple[str, ...] = ()
    guarantee: Mapping[str, Any] | None
    target: Mapping[str, float]
    queries: Mapping[str, int]
    notes: tuple[str, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)
    challenge: Any = None
    membership: np.ndarray | None = None
    payload: tuple[Any, ...] = ()
    examples: Mapping[str, Any] = field(default_factory=dict)

    @property
    def present(self) -> dict[str, Any]:
        """The evidence that there is: what has no blind guess, say, hands over None for it."""
        return {name: guess for name, guess in self.evidence.items() if guess is not None}

    @property
    def roles(self) -> dict[str, str]:
        """Say for each name of evidence what it is."""
        kinds = {"target": ("target",), "control": self.controls, "rival": self.rivals, "variant": self.variants}
        return {name: kind for kind, names in kinds.items() for name in names}
