"""Base of attacks by malicious training code: it hides training pictures in the release, the attacker reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.weight_encoding.decoding import DECODINGS, quantiles
from telltale.attacks.weight_encoding.encoding import Encoding, Layout
from telltale.checks import choice
from telltale.data.images.tones import WHITE
from telltale.errors import InputError
from telltale.evidence import ReconstructedRecords
from telltale.game.world import Knowledge, World
from telltale.models.stored_bits import stored_bits
from telltale.owner.recipe import Recipe


class HiddenRecords(Attack):
    """Reads back what `encoding` hid. decode: which decoding of correlated weights counts, moment | minmax."""

    accepts = frozenset({"images"})
    hands_over = ReconstructedRecords

    def __init__(self, encoding: Encoding, decode: str = "moment") -> None:
        choice("attack.decode", decode, DECODINGS)
        self.encoding, self.decode, self.access = encoding, decode, encoding.access

    def tamper(self, recipe: Recipe) -> Recipe:
        """Add the code that hides the payload. Raises InputError for a transfer."""
        if recipe.start is not None:
            expected = "an objective with one training: what a transfer hides would be fine-tuning records, not members"
            raise InputError("objective", "transfer", expected)
        return recipe.replace(added_code=(*recipe.added_code, self.encoding))

    def run(self, world: World) -> ReconstructedRecords:
        """Read the payload off every release."""
        layout = self._layout(world.knowledge)
        readings = [self.encoding.read(release, layout) for release in world.releases]
        evidence = self._evidence([reading.decodings for reading in readings])
        weights = [reading.weights for reading in readings if reading.weights is not None]
        carriers = [reading.carrier for reading in readings if reading.carrier is not None]
        if carriers:
            evidence = replace(
                evidence,
                carrier=np.stack(carriers),
                groups=layout.groups_of_values(),
                group_names=tuple(group.names[0] for group in layout.groups),
            )
        return _with_sizes(evidence, weights) if weights else evidence

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say that the network has room for more pictures than there are."""
        objective, payload = knowledge.recipe.initial(), self.encoding.payload
        room = replace(self.encoding, payload=replace(payload, most=None)).fitting(objective)
        hidden = self.encoding.fitting(objective)
        if hidden == room:
            return ()
        return (f"there is room for {room:,} pictures, and {hidden:,} training pictures: all of them are hidden",)

    def blind(self, knowledge: Knowledge) -> ReconstructedRecords:
        """Guess the mean of the attacker's own pictures, every time."""
        layout, payload = self._layout(knowledge), self.encoding.payload
        mean = payload.pictures(payload.alike(knowledge.auxiliary)).mean(0) / WHITE
        return ReconstructedRecords(np.tile(mean, (1, layout.images, 1, 1, 1)), stretched=payload.stretch)

    def _layout(self, knowledge: Knowledge) -> Layout:
        return Layout.of(self.encoding, knowledge.recipe.initial(), knowledge.auxiliary)

    def _evidence(self, decoded: Sequence[Mapping[str, np.ndarray]]) -> ReconstructedRecords:
        decodings = {name: np.stack([pictures[name] for pictures in decoded]) / WHITE for name in decoded[0]}
        chosen = decodings.get(self.decode, next(iter(decodings.values())))
        return ReconstructedRecords(chosen, decodings, stretched=self.encoding.payload.stretch)


def _with_sizes(evidence: ReconstructedRecords, weights: Sequence[Mapping[str, np.ndarray]]) -> ReconstructedRecords:
    """Add what tells compressed from uncompressed networks: how weights are spread, and in how many bits they fit."""
    stored = np.array([stored_bits(arrays) for arrays in weights])
    return replace(
        evidence,
        weights=np.stack([quantiles(arrays) for arrays in weights]),
        stored_bits=stored,
        bits_per_weight=stored / sum(array.size for array in weights[0].values()),
    )
