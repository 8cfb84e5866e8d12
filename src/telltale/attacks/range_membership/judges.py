"""Scores of a range's samples by a point attack, aggregated to the score of the range."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from telltale.attacks.embedding_membership.calibration import (
    calibrated_by_peers,
    logistic_weights,
    peers,
    sign,
    standardised,
)
from telltale.attacks.embedding_membership.signals import Probes, measure
from telltale.attacks.membership.shadow_attack import ShadowAttack
from telltale.attacks.membership.thresholds import best_threshold
from telltale.attacks.range_membership.aggregation import Trim
from telltale.data.records import Records
from telltale.evidence import MembershipScores, held_by
from telltale.game.world import Knowledge, World
from telltale.owner.release import Release


@dataclass(frozen=True, eq=False)
class Asked:
    """What every model is asked for: `number` samples of each range, side by side; how their scores are aggregated.

    inside: (ranges, challenge points) bool.
    """

    samples: Records
    number: int
    trim: Trim
    inside: np.ndarray

    def aggregated(self, scores: np.ndarray) -> np.ndarray:
        """Aggregate scores of samples to those of ranges: (…, ranges · number) -> (…, ranges)."""
        return self.trim.mean(scores.reshape(*scores.shape[:-1], -1, self.number))


class OfShadows(ShadowAttack):
    """A shadow attack on points, asked about the samples of each range; a shadow has the range if it has any of it."""

    def __init__(self, base: ShadowAttack, asked: Asked) -> None:
        self.base, self.asked = base, asked  # no plain values: nothing that is judged here is kept
        self.access, self.least_shadows = base.access, base.least_shadows

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return what the base attack reads off the answers about the samples."""
        return self.base.signal(release, replace(knowledge, challenge=self.asked.samples))

    def score(self, target: np.ndarray, shadows: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Score ranges; members: (shadows, ranges) bool."""
        of_samples = np.repeat(members, self.asked.number, axis=1)
        return self.asked.aggregated(self.base.score(target, shadows, of_samples))


def by_shadows(base: ShadowAttack, world: World, asked: Asked) -> MembershipScores:
    """Score every victim's ranges by an attack that asks for probabilities or labels."""
    tables = [world.shadows(victim)[1] for victim in range(len(world.releases))]
    return OfShadows(base, asked).run(world.with_members([held_by(table, asked.inside) for table in tables]))


def by_embeddings(options: ByEmbeddings, world: World, asked: Asked) -> MembershipScores:
    """Score every victim's ranges by signals of embeddings, less their mean over shadows.

    Which direction means "member", and how several signals are weighed, shadows teach on the challenge points: records
    that were trained on show it best. No victim is asked about these.
    """
    knowledge = world.knowledge
    points, samples = options.probes(knowledge, knowledge.challenge), options.probes(knowledge, asked.samples)
    learned: dict[str, np.ndarray] = {}
    said: dict[str, np.ndarray] = {}
    scores, thresholds = [], []
    for victim, release in enumerate(world.releases):
        shadows, members = world.shadows(victim)
        for shadow in shadows:
            if shadow.key not in said:
                learned[shadow.key] = measure(shadow, points, options.signal)
                said[shadow.key] = measure(shadow, samples, options.signal)
        allowed, of_shadows = peers(members), np.stack([said[shadow.key] for shadow in shadows])
        taught = standardised(calibrated_by_peers(np.stack([learned[shadow.key] for shadow in shadows]), allowed))
        single = taught.shape[2] == 1
        weights = sign(taught[..., 0], members)[None] if single else logistic_weights(taught, members, options.ridge)
        target = standardised(measure(release, samples, options.signal) - of_shadows.mean(0))
        scores.append(asked.aggregated(target @ weights))
        as_targets = asked.aggregated(standardised(calibrated_by_peers(of_shadows, allowed)) @ weights)
        thresholds.append(best_threshold(as_targets, held_by(members, asked.inside)))
    return MembershipScores(np.stack(scores), np.array(thresholds))


@dataclass(frozen=True)
class ByEmbeddings:
    """Options of `embedding_membership`, of which the score of a sample is.

    signal  norm | views | part_whole | logistic
    """

    signal: str = "norm"
    views: int = 8
    share: float = 0.8
    cuts: int = 8
    ridge: float = 1.0

    def probes(self, knowledge: Knowledge, records: Records) -> Probes:
        """Return what an encoder is asked for about some records."""
        return Probes(records, knowledge.auxiliary, self.views, self.share, self.cuts, knowledge.seed)
