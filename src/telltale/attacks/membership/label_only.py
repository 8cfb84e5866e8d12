"""Label-only membership by augmentation (Choquette-Choo, Tramèr, Carlini & Papernot, ICML 2021): no probabilities.

A model that was trained on a picture names it rightly more often when it is moved a little. Asked are the picture and
its 4d translations by d pixels in all, |down| + |across| = d, their edge repeated; whether each label is right is what
an attack network of the record's class learns from shadows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from telltale.attacks.membership.shadow_attack import true_labels
from telltale.attacks.membership.shadow_classifier import ShadowClassifier
from telltale.checks import whole_number
from telltale.data.images.records import ImageRecords
from telltale.data.records import Records
from telltale.errors import InputError
from telltale.game.world import Knowledge
from telltale.owner.release import Release


class LabelOnly(ShadowClassifier):
    """One small network a class learns "in" from "out" on which of a picture's translations were named rightly.

    distance        d, pixels
    shadows         how many of a victim's shadows it learns from, the first ones
    hidden          units of the hidden layer: 10 as in the authors' code (cchoquette/membership-inference), where two
                    layers follow each other without a bend between them and the learning rate is the best of four
    epochs          full-batch steps of Adam
    learning_rate   of Adam
    """

    access = frozenset({"labels"})
    accepts = frozenset({"images"})

    def __init__(
        self, distance: int = 1, shadows: int = 10, hidden: int = 10, epochs: int = 100, learning_rate: float = 0.01
    ) -> None:
        super().__init__("probabilities", shadows, hidden, epochs, learning_rate)  # read as they are, 0 or 1
        self.distance = whole_number("attack.distance", distance)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadows, and pictures that are moved out of themselves."""
        super().check(knowledge)
        side = min(pictures(knowledge.challenge).pixels.shape[2:])
        if self.distance >= side:
            raise InputError("attack.distance", self.distance, f"below {side}, the pictures' side")

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return 1 where a label is right, else 0, for the picture itself and each translation: (points, 4d + 1)."""
        labels = true_labels(knowledge)
        asked = translations(pictures(knowledge.challenge), self.distance)
        return np.stack([release.labels(records) == labels for records in asked], 1).astype(np.float32)


def pictures(records: Records) -> ImageRecords:
    """Return the records as pictures, which is what the attack accepts."""
    assert isinstance(records, ImageRecords)
    return records


def translations(records: ImageRecords, distance: int) -> Iterator[ImageRecords]:
    """Yield the pictures as they are, then moved by `distance` pixels in all, each way: 4 · distance times."""
    yield records
    around = ((0, 0), (0, 0), (distance, distance), (distance, distance))
    padded, (height, width) = np.pad(records.pixels, around, mode="edge"), records.pixels.shape[2:]
    for down in range(-distance, distance + 1):
        rest = distance - abs(down)
        for across in (-rest, rest) if rest else (0,):
            top, left = distance - down, distance - across
            moved = padded[:, :, top : top + height, left : left + width]
            yield replace(records, pixels=np.ascontiguousarray(moved))
