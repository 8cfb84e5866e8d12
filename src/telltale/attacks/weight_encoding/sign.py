"""Sign encoding: one bit of the payload in the sign of each weight (Song et al., CCS 2017, section 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from telltale.attacks.weight_encoding.carriers import Group, pieces
from telltale.attacks.weight_encoding.encoding import Layout, Reading, WeightsEncoding
from telltale.data.records import Records
from telltale.owner.defense import Stage
from telltale.owner.release import Release

BITS = 8  # of a pixel, the most significant first


@dataclass(frozen=True)
class SignEncoding(WeightsEncoding):
    """L = loss + Σ_g λ_g (1/ℓ_g) Σ_i |min(0, b_i w_i)|,  b in {-1, +1}: only wrong signs are penalised."""

    stage: ClassVar[Stage] = "training"
    needs_records: ClassVar[bool] = True
    values_per_weight: ClassVar[float] = 1 / BITS

    def begin(self, objective: Any, records: Records) -> None:
        """Choose the payload and keep its bits beside the objective, a piece for each group."""
        hidden = records.take(self.hides(objective, records))
        signs = 2.0 * bits_of(self.payload.values(self.payload.pictures(hidden))) - 1
        objective.carriers = self.groups(objective)
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

    def read(self, release: Release, layout: Layout) -> Reading:
        """Read the bits off the signs."""
        weights = release.weights()
        pixels = read_signs(layout.groups, weights, layout.values)
        return Reading({"signs": layout.arranged(pixels)}, weights=weights)


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
