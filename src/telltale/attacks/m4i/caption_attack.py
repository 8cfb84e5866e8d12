"""Base of attacks on captioners: reduce what shadows write to features, learn a decision, apply it to the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.m4i.decisions import Decision
from telltale.attacks.m4i.lent import Lent
from telltale.attacks.m4i.no_model import without_a_model
from telltale.attacks.m4i.scenarios import Scenario, ShadowData
from telltale.data.captions.withheld import REFERENCES
from telltale.data.seeds import derive
from telltale.evidence import CaptionMembership, MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release

# (release, records) -> features (records, width) of what that release answers on them
Look = Callable[[Release, Any], np.ndarray]


class CaptionAttack(Attack):
    """Base of shadow attacks on captioners whose shadows are trained on the attacker's own records.

    A subclass says what it reads off a release (`look`) and how it learns to decide (`decide`); both see the shadows'
    side alone.
    """

    access = frozenset({"captions"})
    accepts = frozenset({"captions"})
    hands_over = CaptionMembership

    def __init__(
        self,
        scenario: str = "unrestricted",
        nonmember_source: str = "same",
        shadows: int = 1,
        shadow_share: float = 0.5,
        shadow_members: str = "own",
        shadow_nonmembers: str = "own",
    ) -> None:
        lent = Lent(shadow_members, shadow_nonmembers)
        self.scenario = Scenario(scenario, nonmember_source, shadows, shadow_share, lent)
        self.access = type(self).access | lent.access

    def look(self, knowledge: Knowledge, data: ShadowData) -> Look:
        """Return how a release's answers become features."""
        raise NotImplementedError

    def decide(self, features: np.ndarray, members: np.ndarray, knowledge: Knowledge) -> Decision:
        """Learn a decision from the shadows' points: features (points, width), members (points,) bool."""
        raise NotImplementedError

    def check(self, knowledge: Knowledge) -> None:
        """Refuse a scenario that the data or the model do not allow."""
        self.scenario.check(knowledge)

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Tell what the attacker does not know of the owner's models."""
        return self.scenario.differences(knowledge)

    def run(self, world: World) -> MembershipScores:
        """Train the shadows, learn from them, and judge every victim's points by what it writes."""
        knowledge = world.knowledge
        data = self.scenario.data(knowledge)
        recipe, look = self.scenario.recipe(knowledge.recipe), self.look(knowledge, data)
        if self.scenario.lent.is_target:  # one victim: the game tells of no other
            shadows = list(world.releases)
        else:
            shadows = own_shadows(knowledge.owner, recipe, data, self.access, knowledge.seed)
        pairs = zip(shadows, data.points, strict=True)
        features = np.concatenate([look(shadow, data.records.take(points)) for shadow, points in pairs])
        decision = self.decide(features, world.as_told(data.membership).ravel(), knowledge)
        scores = np.stack([decision.score(look(release, knowledge.challenge)) for release in world.releases])
        return CaptionMembership(scores, decision.threshold, self.written(world))

    def blind(self, knowledge: Knowledge) -> MembershipScores:
        """Guess from the points alone: what differs is no memory, but a shifted split.

        It learns from all of the attacker's records, dealt as to one shadow: as strong as a detector can be that asks
        nothing.
        """
        data = replace(self.scenario, shadow_share=1.0).data(knowledge)
        challenge, seed = knowledge.challenge, derive(knowledge.seed, "no model")
        references = challenge.references if REFERENCES in self.access else None
        learned = data.records.take(data.points[0])
        return CaptionMembership(without_a_model(learned, data.membership[0], challenge, references, seed)[None], 0.0)

    def written(self, world: World) -> tuple[tuple[str, ...], ...]:
        """Return every victim's captions of the challenge points, for the report; none where they are not granted."""
        if "captions" not in self.access:
            return ()
        # asked before: what it said is remembered, and this is no further query
        granted = [release.restricted(self.access) for release in world.releases]
        return tuple(tuple(release.captions(world.knowledge.challenge)) for release in granted)


def own_shadows(owner: Owner, recipe: Recipe, data: ShadowData, access: frozenset[str], seed: int) -> list[Release]:
    """Have the attacker train its shadows; asking them costs no query."""
    seeds = [derive(seed, "own shadow", place) for place in range(len(data.members))]
    names = ["shadow"] if len(seeds) == 1 else [f"shadow {place}" for place in range(len(seeds))]
    releases = owner.train_many(recipe, data.records, data.members, seeds, names)
    return [release.restricted(access) for release in releases]
