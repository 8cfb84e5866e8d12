"""What a run found, as the reporting room sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from telltale.data.kept import NOWHERE, Kept
from telltale.evaluation.answer import Standards
from telltale.evaluation.score import Scored

ROLES = ("target", "rival", "control", "variant")  # the order in which everything stands everywhere
T = TypeVar("T")


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
    attack      the attack's name, as it was given
    attacks     names of the evidence from which the strongest is picked: the attack's, and that of rivals with no more
                access to the release
    hindrances  why this design could miss a leak, whatever is measured
    unknown     why nobody can say what is right of it, so that nothing is judged; empty: it is judged
    unchecked   why it could not be checked whether members differ from others without the model, so that nothing shows
                a leak; empty: it was, or chance alone decided
    standards   what would matter
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
    groups      (points,) of challenge points that are drawn as one, a person's; None = each is by itself
    payload     of malicious training code: the records it hid in each victim
    ids         what the owner of the records calls each challenge point, or None
    shown       name of the evidence by which single records of one victim are listed
    examples    some training records and what a data stage made of them, by name, in equal order
    kept        where figures are found that were drawn before
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
    ids: np.ndarray | None = None
    shown: str = "target"
    membership: np.ndarray | None = None
    groups: np.ndarray | None = None
    payload: tuple[Any, ...] = ()
    examples: Mapping[str, Any] = field(default_factory=dict)
    attack: str = "target"
    attacks: tuple[str, ...] = ("target",)
    hindrances: tuple[str, ...] = ()
    unknown: str = ""
    unchecked: str = ""
    standards: Standards = field(default_factory=Standards)
    kept: Kept = NOWHERE

    @property
    def present(self) -> dict[str, Any]:
        """The evidence that there is: what has no blind guess, say, hands over None for it."""
        return {name: guess for name, guess in self.evidence.items() if guess is not None}

    @property
    def roles(self) -> dict[str, str]:
        """Say for each name of evidence what it is, in the order of `ROLES`."""
        names = {"target": ("target",), "rival": self.rivals, "control": self.controls, "variant": self.variants}
        return {name: role for role in ROLES for name in names[role]}

    @property
    def title(self) -> str:
        """What a person calls the attack."""
        return titles_of(self.roles, self.attack)["target"]

    def titled(self, by_name: Mapping[str, T]) -> dict[str, T]:
        """Return what there is by name of evidence, in order, and the attack's under its own name."""
        known = titles_of(self.roles, self.attack)
        return {title: by_name[name] for name, title in known.items() if name in by_name}


def titles_of(roles: Mapping[str, str], attack: str) -> dict[str, str]:
    """Return what a person calls each piece of evidence: the attack by its name, the others as they are.

    >>> titles_of({"target": "target", "loss": "rival"}, "lira")
    {'target': 'lira', 'loss': 'loss'}
    """
    mine = f"{attack}, as given" if attack in roles and roles[attack] != "target" else attack
    ordered = sorted(roles, key=lambda name: ROLES.index(roles[name]) if roles[name] in ROLES else len(ROLES))
    return {name: mine if roles[name] == "target" else name for name in ordered}
