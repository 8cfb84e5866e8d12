"""The attacker's compression code: quantizes the trained network and keeps what is hidden in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from telltale.attacks.quantized_encoding.codebooks import DATA_AWARE
from telltale.attacks.weight_encoding.carriers import Group, pieces, shapes_of
from telltale.attacks.weight_encoding.correlation import CorrelatedEncoding
from telltale.checks import choice, number, whole_number
from telltale.data.records import Records
from telltale.defenses.quantization.codebook import Codebook
from telltale.defenses.quantization.fine_tuning import train_levels
from telltale.defenses.quantization.network import QUANTIZERS, matrices, require_bits
from telltale.owner.defense import Defense, Stage

NOT_QUANTIZED = "none"
FINE_TUNING = ("none", "task", "correlated")


@dataclass(frozen=True)
class EncodedCompression(Defense):
    """Quantizes carrying layers by `quantizer`, the others by k-means at the same bits, then trains the levels.

    quantizer: histogram | affine (data-aware), one of the ordinary ones, or none: nothing is quantized, all weights
    are trained on, whatever the bits; fine_tuning: none | task (the owner's loss
    alone, which erodes the payload) | correlated (with the correlation term); epochs, learning_rate: of that. The
    layers of a group share the code book that training of the levels starts from. Raises InputError for options out
    of range.
    """

    stage: ClassVar[Stage] = "finish"
    encoding: CorrelatedEncoding = field(default_factory=CorrelatedEncoding)
    quantizer: str = "histogram"
    bits: int = 4
    fine_tuning: str = "correlated"
    epochs: int = 15
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        choice("attack.quantizer", self.quantizer, {**DATA_AWARE, **QUANTIZERS, NOT_QUANTIZED: None})
        require_bits("attack.bits", self.bits)
        choice("attack.fine_tuning", self.fine_tuning, FINE_TUNING)
        whole_number("attack.tuning_epochs", self.epochs, 0)
        number("attack.tuning_rate", self.learning_rate, above=0)

    def finish(self, objective: Any, records: Records, train: Callable[[], None]) -> None:
        """Quantize the trained network in place, and train what it is stored by."""
        self.encoding.begin(objective, records)
        books = {} if self.quantizer == NOT_QUANTIZED else self._books(objective, records)
        if self.fine_tuning == "task":
            objective.loss_code = [code for code in objective.loss_code if code != self.encoding]
        train_levels(objective, books, 0 if self.fine_tuning == "none" else self.epochs, self.learning_rate, train)

    def _books(self, objective: Any, records: Records) -> dict[str, list[Codebook]]:
        payload = self.encoding.payload
        values = payload.values(payload.pictures(records.take(self.encoding.hides(objective, records))))
        weights = {name: matrix.detach().cpu().numpy() for name, matrix in matrices(objective.model)}
        ordinary = QUANTIZERS.get(self.quantizer, QUANTIZERS["kmeans"])
        groups = self.encoding.carriers.carrying(shapes_of(objective.model))
        carrying = {name for group in groups for name in group.names}
        books = {
            name: [(ordinary if name in carrying else QUANTIZERS["kmeans"])(matrix.ravel(), self.bits)]
            for name, matrix in weights.items()
        }
        if self.quantizer in DATA_AWARE:
            for group, piece in zip(groups, pieces(groups, len(values)), strict=True):
                books |= self._of_group(group, weights, values[piece])
        return books

    def _of_group(self, group: Group, weights: dict[str, np.ndarray], payload: np.ndarray) -> dict[str, list[Codebook]]:
        if not len(payload):
            return {}
        book = DATA_AWARE[self.quantizer](group.read(weights), payload, self.bits)
        parts = np.split(book.indices, np.cumsum(group.sizes)[:-1])
        return {name: [Codebook(book.levels, part)] for name, part in zip(group.names, parts, strict=True)}
