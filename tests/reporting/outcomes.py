"""Made-up outcomes of membership attacks, and a run to report them in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from telltale.data.images.records import ImageRecords
from telltale.evaluation.score import evaluate
from telltale.evidence import MembershipScores
from telltale.reporting.loggers import NoLogger
from telltale.reporting.outcome import Cost, Outcome
from telltale.truth import Truth

RIVALS = {"loss": 0.4, "calibrated": 0.8, "attack_p": 0.6, "merlin": 0.3, "label_only": 0.25, "shadow": 0.5}
RIVALS |= {"rmia": 1.1, "quantile": 0.7}
CONTROLS = ("zero_query", "untrained")


class Run:
    """What `report` uses of a run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seconds, self.cfg = folder, {"training": 61.5, "attack": 2.0}, OmegaConf.create({"seed": 0})
        self.logger, self.overrides = NoLogger(), ["attack=lira", "scale=smoke"]
        self.left_open: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        yield


def pictures(points: int, seed: int = 0) -> ImageRecords:
    """Return random pictures of three classes, 8 x 8, three channels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(256, size=(points, 3, 8, 8), dtype=np.uint8)
    return ImageRecords(pixels, rng.integers(3, size=points), "noise", ("ankle boot", "bag", "coat"))


def outcome(
    victims: int = 8, points: int = 120, rivals: int = 2, challenge: Any = None, replicates: int = 100, **changes: Any
) -> Outcome:
    """Return an outcome in which some points are easier to tell than others, the first one easiest."""
    rng = np.random.default_rng(0)
    half = np.tile(np.arange(victims) % 2 == 0, (points, 1)) if victims > 1 else np.zeros((points, 1), bool)
    membership = rng.permuted(half, axis=1).T if victims > 1 else (rng.random((1, points)) < 0.5)
    strength = rng.exponential(1.0, points)
    strength[0] = 9

    def scores(signal: float) -> MembershipScores:
        noise = rng.normal(size=(victims, points))
        return MembershipScores(noise + signal * strength * membership, np.full(victims, signal / 2))

    evidence: dict[str, Any] = {"target": scores(1.0)}
    evidence |= {
        "zero_query": MembershipScores(rng.normal(size=(1, points))),
        "untrained": MembershipScores(rng.normal(size=(victims, points))),
    }
    names = list(RIVALS)[:rivals]
    evidence |= {name: scores(RIVALS[name]) for name in names}
    costs = {
        name: Cost({"probabilities": 0 if name == "zero_query" else victims * points * (1 + place)}, 0.5 + place)
        for place, name in enumerate(evidence)
    }
    fields: dict[str, Any] = {
        "evidence": evidence,
        "scored": evaluate(evidence, Truth(membership, (), None), CONTROLS, replicates, 0),  # type: ignore[arg-type]
        "controls": CONTROLS,
        "rivals": tuple(names),
        "guarantee": None,
        "target": {"train_accuracy": 0.996, "accuracy": 0.812, "loss": 0.5},
        "queries": costs["target"].queries,
        "costs": costs,
        "challenge": pictures(points) if challenge is None else challenge,
        "membership": membership,
    }
    return Outcome(**{**fields, **changes})


POOLS = SimpleNamespace(member_count=60, auxiliary=range(0), source="noise", available=1000)
CHOICES = {"attack": "lira", "model": "mlp", "objective": "classification", "defense": "none", "scale": "smoke"}
