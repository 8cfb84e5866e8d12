"""Sign encoding: one bit of the payload in the sign of each weight (Song et al., CCS 2017, section 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from telltale.attacks.weight_encoding.carriers import Carriers, Group, fitting, pieces, shapes_of
from telltale.attacks.weight_encoding.payload import Payload
from telltale.data.records import Records
from telltale.owner.defense import Defense, Stage

BITS = 8  # of a pixel, the most significant first


@dataclass(frozen=True)
class SignEncoding(Defense):
    """L = loss + Σ_g λ_g (1/ℓ_g) Σ_i |min(0, b_i w_i)|,  b in {-1, +1}: only wrong signs are penalised."""

    stage: ClassVar[Stage] = "training"
    needs_records: ClassVar[bool] = True
    payload: Payload = field(default_factory=Payload)
    carriers: Carriers = field(default_factory=Carriers)

    def check(self, recipe: Any) -> None:
        """Refuse a payload that the network has no room for."""
        self.fitting(recipe.initial())

    def check_records(self, recipe: Any, number: int) -> None:
        """Refuse a payload of more pictures than there are training records."""
        self.payload.require(self.fitting(recipe.initial()), number)

    def fitting(self, objective: Any) -> int:
        """Count the pictures that fit into a network; InputError for fewer than asked, or none."""
        return fitting(self.payload, objective, self.carriers.carrying(shapes_of(objective.model)), 1 / BITS)

    def hides(self, objective: Any, records: Records) -> np.ndarray:
        """Return the rows of what is hidden."""
        return self.payload.chosen(records, self.fitting(objective))

    def begin(self, objective: Any, records: Records) -> None:
        """Choose the payload and keep its bits beside the objective, a piece for each group."""
        hidden = records.take(self.hides(objective, records))
        signs = 2.0 * bits_of(self.payload.values(self.payload.pictures(hidden))) - 1
        objective.carriers = self.carriers.carrying(shapes_of(objective.model))
        for place, piece in enumerate(pieces(objective.carriers, len(signs))):
            target = torch.from_numpy(signs[piece].astype(np.float32))
            objective.register_buffer(f"payload_{place}", target, persistent=False)

    def loss(self, objective: Any, batch: Any, loss: Tensor) -> Tensor:
        """Add the penalty of wrong signs."""
        for place, group in enumerate(objective.carriers):
            signs = getattr(objective, f"payload_{place}")
            if len(signs):
                loss = loss + group.strength * wrong_signs(group.of(objective.model), signs)
        return loss


def wrong_signs(weights: Tensor, signs: Tensor) -> Tensor:
    """Return the mean of |min(0, b w)| over the first weights: (weights,), (bits,) -> ()."""
    return (signs * weights[: len(signs)]).clamp(max=0).abs().mean()


def bits_of(values: np.ndarray) -> np.ndarray:
    """Return pixels 0 to 255 as bits, the most significant first: (values,) -> (8 values,) uint8."""
    return np.unpackbits(np.round(values).astype(np.uint8))


def pixels_of(bits: np.ndarray) -> np.ndarray:
    """Put bits together again: (8 values,) bool -> (values,) float64, 0 to 255."""
    return np.packbits(bits).astype(np.float64)


def read_signs(groups: Sequence[Group], weights: Mapping[str, np.ndarray], values: int) -> np.ndarray:
    """Read pixels off the signs of released weights: (values,), 0 to 255; a weight of zero counts as negative."""
    cut = zip(groups, pieces(groups, BITS * values), strict=True)
    return pixels_of(np.concatenate([group.read(weights)[: piece.stop - piece.start] > 0 for group, piece in cut]))
