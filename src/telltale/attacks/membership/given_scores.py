"""Scores that another tool has made: nothing is asked, they are judged as they are."""

from __future__ import annotations

import numpy as np

from telltale.attacks.base import Attack
from telltale.evidence import MembershipScores
from telltale.game.world import Knowledge, World


class GivenScores(Attack):
    """Membership scores that were handed over, higher = member; see `telltale.game.answers`."""

    access = frozenset({"scores"})
    accepts = frozenset({"images", "table", "molecules", "text"})

    def run(self, world: World) -> MembershipScores:
        """Return the scores of every attacked model as they are."""
        points = world.knowledge.challenge
        scores = np.stack([release.scores(points) for release in world.releases])
        return MembershipScores(scores, alone=scores)

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say that how the scores came about is not known here."""
        return ("the scores were handed over: how they were made is not known here",)
