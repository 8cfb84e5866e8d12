"""M^4I's feature-based attack: do picture and generated caption lie close in a space the attacker learned itself?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from telltale.attacks.m4i.caption_attack import CaptionAttack, Look
from telltale.attacks.m4i.decisions import Decision, NetworkOptions, by_network, by_threshold
from telltale.attacks.m4i.extractor_training import ExtractorOptions, extractor_of
from telltale.attacks.m4i.scenarios import ShadowData, together
from telltale.checks import choice
from telltale.data.captions.records import CaptionedImages
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.game.world import Knowledge
from telltale.models.pretrained import FrozenTrunk
from telltale.models.trunk_options import fetched
from telltale.owner.release import Release

DECISIONS = ("network", "distance")
FEWEST = 2  # pairs: BatchNorm compares them


class FeatureM4I(CaptionAttack):
    """|f_image(picture) − f_text(generated caption)|, judged by a small network that shadows taught.

    It holds the pictures only: their true captions are withheld.

    scenario           what the attacker knows, see `Scenario`, as the next three
    nonmember_source   where shadows' non-members are from
    shadows            models the attacker trains
    shadow_share       share of the attacker's concepts that are dealt to shadows
    loss               mse | infonce, the extractor's, see `ExtractorOptions`, as width to channels and marks
    decision           network | distance: by the length of the difference alone
    width              of the common space
    epochs             of the extractor
    batch_size         pairs in a step of it
    channels           of its convolutions, trained from scratch
    marks              the released mismatch: marks are counted in training only
    hidden             units of the network
    weight_decay       of the network
    trunk              name of a `FrozenTrunk` on the extractor's image side
    weights            its file, or fetched; None = none, but the small network of `channels`
    side               pixels that pictures are resized to for it
    downloads          folder of weights that are fetched
    shadow_members     own | overlapping | target, as the next one: what is lent of the target, see `Lent`
    shadow_nonmembers  own | target
    """

    def __init__(
        self,
        scenario: str = "unrestricted",
        nonmember_source: str = "same",
        shadows: int = 1,
        shadow_share: float = 0.5,
        loss: str = "mse",
        decision: str = "network",
        width: int = 256,
        epochs: int = 20,
        batch_size: int = 128,
        channels: Sequence[int] = (16, 32, 64),
        marks: bool = False,
        hidden: int = 64,
        weight_decay: float = 1e-2,
        trunk: str = "resnet152",
        weights: str | None = None,
        side: int = 224,
        downloads: str | None = None,
        shadow_members: str = "own",
        shadow_nonmembers: str = "own",
    ) -> None:
        super().__init__(scenario, nonmember_source, shadows, shadow_share, shadow_members, shadow_nonmembers)
        self.decision = choice("attack.decision", decision, DECISIONS)
        file = None if weights is None else fetched(weights, trunk, downloads, "attack.weights")
        frozen = FrozenTrunk(trunk, file, side, "attack.weights") if file is not None else None
        self.extractor = ExtractorOptions(loss, width, epochs, batch_size, tuple(channels), marks, frozen)
        self.network = NetworkOptions(hidden=hidden, weight_decay=weight_decay)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse as every attack on captioners, and a share that leaves the extractor too little to learn from."""
        super().check(knowledge)
        if (pairs := len(self.pairs(knowledge))) < FEWEST:
            expected = f"leaves the extractor {pairs} of pools.auxiliary={len(knowledge.auxiliary)}; less, or 1 = all"
            raise InputError("attack.shadow_share", self.scenario.shadow_share, expected)

    def look(self, knowledge: Knowledge, data: ShadowData) -> Look:
        """Train the extractor on pairs of the attacker's own, and compare by it."""
        seed, device = derive(knowledge.seed, "extractor"), knowledge.recipe.trainer.device_type
        trained = extractor_of(self.pairs(knowledge), self.extractor, seed, knowledge.owner.store, device)

        def compare(release: Release, records: Any) -> np.ndarray:
            apart = trained.distance(records, release.captions(records))
            return apart if self.decision == "network" else -np.linalg.norm(apart, axis=1, keepdims=True)

        return compare

    def pairs(self, knowledge: Knowledge) -> CaptionedImages:
        """Return what the extractor learns from: the attacker's own records, never a challenge point.

        Both sources where the shadows are of the owner's; where they are of another, the owner's is left out, as in
        the authors' runs.
        """
        whole = self.scenario.shadow_share == 1
        known = self.scenario.for_shadows(knowledge) if whole else ~self.scenario.for_shadows(knowledge)
        sources = (knowledge.auxiliary, knowledge.population)
        auxiliary, other = (records.take(known[: len(records)]) for records in sources)
        if self.scenario.other_data:
            return other
        return together(auxiliary, other) if len(other) else auxiliary

    def decide(self, features: np.ndarray, members: np.ndarray, knowledge: Knowledge) -> Decision:
        """Learn from the shadows' points."""
        if self.decision == "distance":
            return by_threshold(features, members)
        return by_network(features, members, self.network, derive(knowledge.seed, "classifier"))
