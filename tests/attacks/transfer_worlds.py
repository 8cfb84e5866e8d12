"""Made-up worlds of fine-tuned models, which answer with downstream classes and know none of the records' own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from telltale.data.images.records import ImageRecords
from telltale.evaluation.membership import score_membership
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.release import softmax

CLASSES = 10  # downstream
OWN = tuple(f"own class {number}" for number in range(30))  # pre-training: more than a downstream answer has


@dataclass
class FineTuned:
    """A release whose logits on point i are `logits[i]`, plus noise for each query, point 0 again after the last."""

    key: str
    logits: np.ndarray
    noise: float = 0.3
    queries: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        return self.key

    def probabilities(self, records: ImageRecords) -> np.ndarray:
        self.queries["probabilities"] += len(records)
        rng = np.random.default_rng([len(self.key), *self.key.encode(), len(records)])
        logits = np.tile(self.logits, (len(records) // len(self.logits), 1))
        return softmax(logits + self.noise * rng.normal(size=logits.shape))


@dataclass(frozen=True)
class MadeUp:
    """A world, the truth of its victims, and the rows of all models."""

    world: World
    truth: np.ndarray
    rows: np.ndarray

    def auc(self, evidence: MembershipScores, truth: np.ndarray | None = None) -> Estimate:
        victims, points = self.truth.shape
        plan = Resampling.crossed(victims, points, 200, seed=0)
        return score_membership(evidence, self.truth if truth is None else truth, plan)["auc"]


def pictures(number: int, seed: int = 0) -> ImageRecords:
    rng = np.random.default_rng(seed)
    labels = np.arange(number) % len(OWN)
    return ImageRecords(rng.random((number, 1, 8, 8), dtype=np.float32), labels, "made-up pictures", OWN)


def made_up(
    shift: float = 1.0,
    victims: int = 4,
    models: int = 32,
    points: int = 200,
    seed: int = 0,
    shuffled: bool = False,
    confident: bool = False,
) -> MadeUp:
    """Draw models whose logits are normal around each point's level, one deviation apart in and out for shift=1.

    Every point has its own direction of ±1 a class; confident: towards its most probable class only, which seldom
    changes. shuffled: shadows come with rows of other models.
    """
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.permutation(points) < points // 2 for _ in range(models)])
    level, direction = rng.normal(size=(points, CLASSES)), rng.choice([-1, 1], (points, CLASSES))
    if confident:
        level *= 5
        direction = (level == level.max(1, keepdims=True)).astype(int)
    logits = rng.normal(level, 1, (models, points, CLASSES)) + shift * direction * rows[..., None]
    releases: Any = [FineTuned(f"model {number}", one) for number, one in enumerate(logits)]
    told = rng.permutation(rows) if shuffled else rows
    others = [np.arange(models) != victim for victim in range(victims)]
    shadows = tuple((tuple(np.array(releases, object)[other]), told[other]) for other in others)
    fewest = tuple(min(int(side[other].sum(0).min()) for other in others) for side in (rows, ~rows))
    recipe: Any = SimpleNamespace(trainer=SimpleNamespace(device_type="cpu"))
    challenge, population = pictures(points), pictures(points, seed=1)
    knowledge = Knowledge(None, population, None, challenge, recipe, None, 0, victims, models - victims, fewest=fewest)  # type: ignore[arg-type]
    return MadeUp(World(tuple(releases[:victims]), knowledge, shadows), rows[:victims], rows)
