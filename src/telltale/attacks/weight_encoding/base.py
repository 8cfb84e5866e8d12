"""Base of attacks by malicious training code: it hides training pictures in the release, the attacker reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.weight_encoding.capacity import CapacityAbuse, made_up, values_of
from telltale.attacks.weight_encoding.carriers import Group, pieces, shapes_of
from telltale.attacks.weight_encoding.correlation import CorrelatedEncoding, carried
from telltale.attacks.weight_encoding.decoding import DECODINGS, decodings, quantiles, sign_of
from telltale.attacks.weight_encoding.least_significant_bits import LeastSignificantBits, read_lowest
from telltale.attacks.weight_encoding.payload import Payload
from telltale.attacks.weight_encoding.sign import SignEncoding, read_signs
from telltale.data.images.records import ImageRecords
from telltale.data.images.tones import WHITE
from telltale.errors import InputError
from telltale.evidence import ReconstructedRecords
from telltale.game.world import Knowledge, World
from telltale.models.stored_bits import stored_bits
from telltale.owner.recipe import Recipe

Encoding = CorrelatedEncoding | SignEncoding | LeastSignificantBits | CapacityAbuse


class HiddenRecords(Attack):
    """Reads back what `encoding` hid. decode: which decoding of correlated weights counts, moment | minmax."""

    access = frozenset({"weights"})
    accepts = frozenset({"images"})
    hands_over = ReconstructedRecords

    def __init__(self, encoding: Encoding, decode: str = "moment") -> None:
        if decode not in DECODINGS:
            raise InputError("attack.decode", decode, f"one of {', '.join(DECODINGS)}")
        self.encoding, self.decode = encoding, decode
        if isinstance(encoding, CapacityAbuse):
            self.access = frozenset({"labels"})

    def tamper(self, recipe: Recipe) -> Recipe:
        """Add the code that hides the payload. Raises InputError for a transfer."""
        if recipe.start is not None:
            told = "an objective with one training: what a transfer hides would be fine-tuning records, not members"
            raise InputError("objective", "transfer", told)
        return recipe.replace(added_code=(*recipe.added_code, self.encoding))

    def run(self, world: World) -> ReconstructedRecords:
        """Read the payload off every release."""
        layout = _Layout(self.encoding, world.knowledge)
        asked = layout.made_up() if isinstance(self.encoding, CapacityAbuse) else None
        if asked is not None:
            labels = [release.labels(asked) for release in world.releases]
            return self._evidence([{"labels": layout.arranged(values_of(one))} for one in labels])
        weights = [release.weights() for release in world.releases]
        found = [self._read(one, layout) for one in weights]
        carriers = [carrier for _, carrier in found if carrier is not None]
        stored = np.array([stored_bits(one) for one in weights])
        return replace(
            self._evidence([decoded for decoded, _ in found]),
            carrier=np.stack(carriers) if carriers else None,
            groups=layout.groups_of_values() if carriers else None,
            group_names=tuple(group.names[0] for group in layout.groups) if carriers else (),
            weights=np.stack([quantiles(one) for one in weights]),
            stored_bits=stored,
            bits_per_weight=stored / sum(one.size for one in weights[0].values()),
        )

    def blind(self, knowledge: Knowledge) -> ReconstructedRecords:
        """Guess the mean of the attacker's own pictures, every time."""
        layout, payload = _Layout(self.encoding, knowledge), self.encoding.payload
        mean = payload.pictures(payload.alike(knowledge.auxiliary)).mean(0) / WHITE
        return ReconstructedRecords(np.tile(mean, (1, layout.images, 1, 1, 1)), stretched=payload.stretch)

    def _evidence(self, decoded: Sequence[Mapping[str, np.ndarray]]) -> ReconstructedRecords:
        ways = {name: np.stack([one[name] for one in decoded]) / WHITE for name in decoded[0]}
        chosen = ways.get(self.decode, next(iter(ways.values())))
        return ReconstructedRecords(chosen, ways, stretched=self.encoding.payload.stretch)

    def _read(
        self, weights: Mapping[str, np.ndarray], layout: _Layout
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """Return decodings by name, and the carrier, None where pixels are read exactly."""
        values = layout.images * layout.size
        if isinstance(self.encoding, SignEncoding):
            return {"signs": layout.arranged(read_signs(layout.groups, weights, values))}, None
        if isinstance(self.encoding, LeastSignificantBits):
            return {"bits": layout.arranged(read_lowest(layout.groups, weights, values, self.encoding.bits))}, None
        assert isinstance(self.encoding, CorrelatedEncoding)
        carrier = layout.arranged(carried(layout.groups, weights, values))
        if not self.encoding.signed:
            carrier = carrier * sign_of(carrier, layout.groups_of_values(), layout.auxiliary)
        return decodings(carrier, layout.auxiliary), carrier


class _Layout:
    """Where the payload lies, by what the attacker knows: its own code, the network's shapes, its own pictures."""

    def __init__(self, encoding: Encoding, knowledge: Knowledge) -> None:
        objective: Any = knowledge.recipe.initial()
        self.payload: Payload = encoding.payload
        self.record_shape = tuple(objective.model.backbone.shape)
        self.shape = self.payload.shape(self.record_shape)
        self.size, self.images = int(np.prod(self.shape)), encoding.fitting(objective)
        black_box = isinstance(encoding, CapacityAbuse)
        self.groups: list[Group] = [] if black_box else encoding.carriers.carrying(shapes_of(objective.model))  # type: ignore[union-attr]
        own = self.payload.pictures(self.payload.alike(knowledge.auxiliary))
        self.auxiliary = self.payload.arranged(self.payload.values(own), self.shape)  # stretched, as the payload is

    def arranged(self, values: np.ndarray) -> np.ndarray:
        """Put values of the payload back into pictures: (images, c, h, w)."""
        return self.payload.arranged(values, self.shape)

    def groups_of_values(self) -> np.ndarray:
        """Return the group that carries each value, in pictures: (images, c, h, w)."""
        numbers = np.zeros(self.images * self.size)
        for place, piece in enumerate(pieces(self.groups, len(numbers))):
            numbers[piece] = place
        return self.arranged(numbers).astype(np.int16)

    def made_up(self) -> ImageRecords:
        """Return the inputs whose labels are asked for."""
        inputs = made_up(self.images * self.size, self.size, self.record_shape)
        return ImageRecords(inputs, np.zeros(len(inputs), np.int64), "made up", ("unknown",))
