"""Canary audit: how much privacy has training lost at least, judged by records that are put there for it.

Each canary is in each model by a fair coin of its own; all other records are in every model. What is guessed of the
coins bounds ε from below (telltale.evaluation.empirical_epsilon).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.membership.shadow_attack import true_labels
from telltale.attacks.membership.signals import scaled_logit
from telltale.checks import choice, number
from telltale.data.images.records import ImageRecords
from telltale.data.pools import Pools
from telltale.data.seeds import generator
from telltale.defenses.dp_sgd import DPSGD
from telltale.errors import InputError
from telltale.evidence import CanaryScores
from telltale.game.world import Knowledge, World
from telltale.progress import track
from telltale.training.private.privacy import DELTA

CANARIES = ("noise", "mislabelled")
LIT = 0.1  # of a noise picture's pixels: so few that two pictures have next to none in common


class CanaryAudit(Attack):
    """Score = φ of the label that the canary was given, in each model by itself; higher = was trained on it.

    No shadow is asked and no coin is known: one model is enough. canary: noise (a picture of a few lit pixels with a
    random label: nothing else in training pulls the same weights) | mislabelled (a record with a wrong label); delta:
    of the (ε, δ) that is bounded, None = the defence's.
    """

    access = frozenset({"probabilities"})
    accepts = frozenset({"images", "table", "molecules"})
    other_kinds: ClassVar[Mapping[str, str]] = {"text": "canary_audit_texts"}
    hands_over: type = CanaryScores

    def __init__(self, canary: str = "noise", delta: float | None = None) -> None:
        choice("attack.canary", canary, CANARIES)
        expected = "from 0 to below 1, or null = the defence's"
        number("attack.delta", delta, least=0, below=1, or_null=True, expected=expected)
        self.canary, self.delta = canary, delta

    def plant(self, pools: Pools[Any], seed: int) -> Pools[Any]:
        """Make the canaries, the same for all models: a wrong label, drawn from all other classes, and the noise."""
        if not pools.canary_count:
            raise InputError("pools.canaries", 0, "at least 1 canary for attack=canary_audit")
        records, places = pools.challenge, slice(pools.member_count, None)
        if getattr(records, "labels", None) is None:
            raise InputError("dataset", records.source, "has no labels; canaries are records with a wrong one")
        rng, labels = generator(seed, "labels"), records.labels.copy()
        labels[places] = wrong_labels(labels[places], len(records.classes), rng)
        records = replace(records, labels=labels)
        if self.canary == "noise":
            records = _with_noise(records, places, generator(seed, "noise"))
        return replace(pools, challenge=records)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse a recipe whose private stage sees other records than those with the canaries."""
        if knowledge.recipe.start is not None:
            expected = "a recipe trained from scratch: canaries are among the records of its first stage only"
            raise InputError("objective", "transfer", expected)
        if self.delta is not None and self.delta < (promised := _promised_delta(knowledge)):
            raise InputError(
                "attack.delta", self.delta, f"from {promised:g}, at which the defence's ε stands beside it"
            )

    def run(self, world: World) -> CanaryScores:
        """Ask every model for all canaries, once."""
        canaries, labels = world.knowledge.challenge, true_labels(world.knowledge)
        releases = track(world.releases, "canaries judged")
        scores = [scaled_logit(release.probabilities(canaries), labels) for release in releases]
        return CanaryScores(np.stack(scores), delta=self.bounded_delta(world.knowledge), alone=np.stack(scores))

    def bounded_delta(self, knowledge: Knowledge) -> float:
        """Return δ of the (ε, δ) that is bounded: as asked for, else the defence's."""
        return self.delta if self.delta is not None else _promised_delta(knowledge) or DELTA


def _promised_delta(knowledge: Knowledge) -> float:
    """Return the δ of the defence's proof, 0 without one."""
    defenses = knowledge.recipe.defenses
    return max((defense.privacy.delta for defense in defenses if isinstance(defense, DPSGD)), default=0.0)


def wrong_labels(labels: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Draw for each label one of the other classes: (records,)."""
    return (labels + rng.integers(1, classes, len(labels))) % classes


def _with_noise(records: Any, places: slice, rng: np.random.Generator) -> ImageRecords:
    if not isinstance(records, ImageRecords):
        raise InputError("attack.canary", "noise", f"mislabelled: {records.source} holds {records.kind}, not pictures")
    pixels = records.pixels.copy()
    pixels[places] = (rng.random(pixels[places].shape) < LIT) * (1 if pixels.dtype.kind == "f" else 255)
    return replace(records, pixels=pixels)
