"""M^4I's feature-based attack: do picture and generated caption lie close in a space the attacker learned itself?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from src.attacks.m4i.caption_attack import CaptionAttack, Look
from src.attacks.m4i.decisions import Decision, NetworkOptions, by_network, by_threshold
from src.attacks.m4i.extractor_training import ExtractorOptions, extractor_of
from src.attacks.m4i.scenarios import ShadowData, together
from src.data.captions.records import CaptionedImages
from src.data.seeds import derive, generator
from src.errors import InputError
from src.game import Knowledge
from src.models.pretrained import FrozenTrunk, fetched
from src.training.release import Release

DECISIONS = ("network", "distance")
FEWEST = 2  # pairs, members and others: BatchNorm compares pairs, the network holds one of each side out


class FeatureM4I(CaptionAttack):
    """|f_image(picture) − f_text(generated caption)|, judged by a small network that shadows taught.

    It holds the pictures only: their true captions are withheld. loss, width, epochs, batch_size, channels, marks: of
    the extractor, see `ExtractorOptions`; extractor_share: of the attacker's concepts, those that the extractor learns
    from and the network then does not, 1 = both learn from all, as released; decision: network | distance = the
    length of the difference alone; hidden, weight_decay: of the network; trunk, weights, side, downloads: of a `FrozenTrunk` on
    the extractor's image side, weights null = the small network of `channels`, trained from scratch.
    """

    def __init__(
        self,
        scenario: str = "unrestricted",
        nonmember_source: str = "same",
        shadows: int = 1,
        loss: str = "mse",
        decision: str = "network",
        extractor_share: float = 0.5,
        width: int = 256,
        epochs: int = 20,
        batch_size: int = 128,
        channels: Any = (16, 32, 64),
        marks: bool = False,
        hidden: int = 64,
        weight_decay: float = 1e-2,
        trunk: str = "resnet152",
        weights: str | None = None,
        side: int = 224,
        downloads: str | None = None,
    ) -> None:
        super().__init__(scenario, nonmember_source, shadows)
        if decision not in DECISIONS:
            raise InputError("attack.decision", decision, f"one of {', '.join(DECISIONS)}")
        if isinstance(extractor_share, bool) or not 0 < extractor_share <= 1:
            raise InputError("attack.extractor_share", extractor_share, "above 0, at most 1")
        self.decision, self.extractor_share = decision, float(extractor_share)
        file = weights and fetched(weights, trunk, downloads, "attack.weights")
        frozen = FrozenTrunk(trunk, file, side, "attack.weights") if file is not None else None
        self.extractor = ExtractorOptions(loss, width, epochs, batch_size, tuple(channels), marks, frozen)
        self.network = NetworkOptions(hidden=hidden, weight_decay=weight_decay)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse as every attack on captioners, and a share that leaves extractor or network too little to learn."""
        super().check(knowledge)
        pairs = len(self.pairs(knowledge))
        taught = self.left(self.scenario.data(knowledge), knowledge).members
        if pairs < FEWEST or min(taught.sum(), (~taught).sum()) < FEWEST:
            told = (
                f"with pools.auxiliary={len(knowledge.auxiliary)} the extractor gets {pairs} pairs, the decision "
                f"{taught.sum()} members and {(~taught).sum()} others; each needs {FEWEST}"
            )
            raise InputError("attack.extractor_share", self.extractor_share, told)

    def look(self, knowledge: Knowledge, data: ShadowData) -> Look:
        """Train the extractor on pairs of the attacker's own, and compare by it."""
        recipe, seed = knowledge.recipe, derive(knowledge.seed, "extractor")
        trained = extractor_of(self.pairs(knowledge), self.extractor, seed, recipe.store, recipe.trainer.device_type)

        def compare(release: Release, records: Any) -> np.ndarray:
            apart = trained.distance(records, release.captions(records))
            return apart if self.decision == "network" else -np.linalg.norm(apart, axis=1, keepdims=True)

        return compare

    def pairs(self, knowledge: Knowledge) -> CaptionedImages:
        """Return what the extractor learns from: the attacker's own records, never a challenge point.

        Both sources where the shadows are of the owner's; where they are of another, the owner's is left out, as in
        the authors' runs.
        """
        known = self._learned(knowledge)
        auxiliary, other = (one.take(known[: len(one)]) for one in (knowledge.auxiliary, knowledge.population))
        if self.scenario.other_data:
            return other
        return together(auxiliary, other) if len(other) else auxiliary

    def left(self, data: ShadowData, knowledge: Knowledge) -> ShadowData:
        """Leave points that the extractor knows, from whichever source, out of what the network learns from."""
        if self.extractor_share == 1:
            return data
        return replace(data, points=data.points[:, ~self._learned(knowledge)])

    def decide(self, features: np.ndarray, members: np.ndarray, knowledge: Knowledge) -> Decision:
        """Learn from the shadows' points."""
        if self.decision == "distance":
            return by_threshold(features, members)
        return by_network(features, members, self.network, derive(knowledge.seed, "classifier"))

    def _learned(self, knowledge: Knowledge) -> np.ndarray:
        """Say of which places in the attacker's records the extractor learns: (places,) bool.

        Both sources have the same concept at the same place, or no concept in common.
        """
        places = len(knowledge.auxiliary)
        chosen = np.zeros(places, bool)
        order = generator(knowledge.seed, "extractor places").permutation(places)
        chosen[order[: round(self.extractor_share * places)]] = True
        return chosen
