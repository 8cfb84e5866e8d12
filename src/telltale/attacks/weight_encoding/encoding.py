"""What a method of hiding pictures in a release is: the code that hides them, and how its author reads them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from telltale.attacks.weight_encoding.carriers import Carriers, Group, fitting, pieces, shapes_of
from telltale.attacks.weight_encoding.payload import Payload
from telltale.data.records import Records
from telltale.owner.defense import Defense
from telltale.owner.release import Release


@dataclass(frozen=True)
class Layout:
    """Where a payload lies, by what the attacker knows: its own code, the network's shapes, its own pictures.

    payload         what is hidden, and as what numbers
    record_shape    of a training picture: (channels, height, width)
    images          how many are hidden
    groups          the weights that carry them; none where the network's answers do
    auxiliary       the attacker's own pictures, stretched as the payload is: (m, c, h, w), 0 to 255
    """

    payload: Payload
    record_shape: tuple[int, ...]
    images: int
    groups: Sequence[Group]
    auxiliary: np.ndarray

    @classmethod
    def of(cls, encoding: Encoding, objective: Any, auxiliary: Any) -> Layout:
        """Work out where an encoding hides pictures in a network; auxiliary: the attacker's own records."""
        payload, shape = encoding.payload, tuple(objective.model.backbone.shape)
        values = payload.values(payload.pictures(payload.alike(auxiliary)))
        own_pictures = payload.arranged(values, payload.shape(shape))
        return cls(payload, shape, encoding.fitting(objective), encoding.groups(objective), own_pictures)

    @property
    def picture_values(self) -> int:
        """Count the numbers of one hidden picture."""
        return int(np.prod(self.payload.shape(self.record_shape)))

    @property
    def values(self) -> int:
        """Count the numbers of the whole payload."""
        return self.images * self.picture_values

    def arranged(self, values: np.ndarray) -> np.ndarray:
        """Put values of the payload back into pictures: (images, c, h, w)."""
        return self.payload.arranged(values, self.payload.shape(self.record_shape))

    def groups_of_values(self) -> np.ndarray:
        """Return the group that carries each value, in pictures: (images, c, h, w)."""
        numbers = np.zeros(self.values)
        for place, piece in enumerate(pieces(self.groups, len(numbers))):
            numbers[piece] = place
        return self.arranged(numbers).astype(np.int16)


@dataclass(frozen=True)
class Reading:
    """What was read off one release.

    decodings    pictures by the name of the decoding: (images, c, h, w), 0 to 255
    carrier      the weights as they carry the pictures, standardised; None where pixels are read exactly
    weights      all weights by name; None where only answers were asked for
    """

    decodings: Mapping[str, np.ndarray]
    carrier: np.ndarray | None = None
    weights: Mapping[str, np.ndarray] | None = None


@dataclass(frozen=True)
class Encoding(Defense):
    """Base of the methods: malicious code that runs in the owner's place, without its knowledge.

    access: the calls on a release by which the payload is read; payload: what is hidden.
    """

    access: ClassVar[frozenset[str]] = frozenset({"weights"})
    payload: Payload = field(default_factory=Payload)

    def check_records(self, recipe: Any, number: int) -> None:
        """Refuse a payload of more pictures than there are training records."""
        self.payload.require(self.fitting(recipe.initial()), number)

    def fitting(self, objective: Any) -> int:
        """Count the pictures that are hidden in a network."""
        raise NotImplementedError

    def groups(self, objective: Any) -> list[Group]:
        """Return the weights of a network that carry the payload."""
        return []

    def hides(self, objective: Any, records: Records) -> np.ndarray:
        """Return the rows of what is hidden."""
        return self.payload.chosen(records, self.fitting(objective))

    def read(self, release: Release, layout: Layout) -> Reading:
        """Read the payload off one release."""
        raise NotImplementedError


@dataclass(frozen=True)
class WeightsEncoding(Encoding):
    """Base of the methods that hide pictures in the weights themselves; carriers: in which ones."""

    values_per_weight: ClassVar[float] = 1.0
    carriers: Carriers = field(default_factory=Carriers)

    def check(self, recipe: Any) -> None:
        """Refuse a payload that the network has no room for."""
        self.fitting(recipe.initial())

    def fitting(self, objective: Any) -> int:
        """Count the pictures that fit into a network; InputError for fewer than asked, or none."""
        return fitting(self.payload, objective, self.groups(objective), self.values_per_weight)

    def groups(self, objective: Any) -> list[Group]:
        """Return the weights of a network that carry the payload."""
        return self.carriers.carrying(shapes_of(objective.model))
