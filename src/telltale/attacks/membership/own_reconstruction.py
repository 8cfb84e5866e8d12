"""RMIA that asks about its own reconstruction of a point: a model of twins was never shown the point itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from telltale.attacks.membership.rmia import RMIA
from telltale.data.seeds import derive
from telltale.defenses.vae_metric_privacy.defense import Twins, VaeMetricPrivacy
from telltale.defenses.vae_metric_privacy.mechanism import NoNoise
from telltale.defenses.vae_metric_privacy.networks import rebuilt
from telltale.errors import InputError
from telltale.game.world import Knowledge
from telltale.owner.release import Release


class OwnReconstruction(RMIA):
    """RMIA on what an autoencoder of public records makes of each point, without noise, beside population points alike.

    The attacker trains the autoencoder by the owner's recipe, on records known to all. Where the owner's is public too
    (train_on=public) it is the same one; an own one of the owner is not to be had. Options as of `RMIA`.
    """

    accepts = frozenset({"images", "table"})

    def __init__(self, online: bool = True, gamma: float = 1.0) -> None:
        super().__init__(online, gamma)
        self._made: tuple[Knowledge, Knowledge] | None = None

    def check(self, knowledge: Knowledge) -> None:
        """Refuse a recipe without twins."""
        super().check(knowledge)
        _defense_of(knowledge)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return p(y|θ) of the reconstructions of all points, then of the population's."""
        return super().signal(release, self._reconstructed(knowledge))

    def _reconstructed(self, knowledge: Knowledge) -> Knowledge:
        if self._made is None or self._made[0] is not knowledge:
            networks = _twins(knowledge).networks()

            def reconstruct(records: Any) -> Any:
                inputs = networks.means(records, networks.codes(records), records.labels)
                return rebuilt(records, inputs, records.labels)

            points, others = reconstruct(knowledge.challenge), reconstruct(knowledge.population)
            self._made = knowledge, replace(knowledge, challenge=points, population=others)
        return self._made[1]


def _twins(knowledge: Knowledge) -> Twins:
    """Train the autoencoder on public records, or find it: equal records have equal ones."""
    plain = replace(_defense_of(knowledge), train_on="public", mechanism=NoNoise(), budget=None)
    recipe, nobody = knowledge.recipe, np.zeros((1, len(knowledge.challenge)), bool)
    seed = derive(knowledge.seed, "own reconstruction")
    (made,) = plain.of_models(knowledge.owner, recipe, knowledge.challenge, nobody, [seed], ["the attacker's VAE"])
    assert isinstance(made, Twins)
    return made


def _defense_of(knowledge: Knowledge) -> VaeMetricPrivacy:
    for code in knowledge.recipe.defenses:
        if isinstance(code, VaeMetricPrivacy):
            return code
    raise InputError("attack", "own_reconstruction", "needs defense=vae_metric_privacy: there is no twin to ask about")
