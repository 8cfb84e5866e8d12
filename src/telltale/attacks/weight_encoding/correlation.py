"""Correlated value encoding: weights that are a line of the pixels (Song et al., CCS 2017, section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from telltale.attacks.weight_encoding.carriers import Group, pieces
from telltale.attacks.weight_encoding.decoding import decodings, sign_of
from telltale.attacks.weight_encoding.encoding import Layout, Reading, WeightsEncoding
from telltale.data.records import Records
from telltale.owner.defense import Stage
from telltale.owner.release import Release


@dataclass(frozen=True)
class CorrelatedEncoding(WeightsEncoding):
    """L = loss - Σ_g λ_g |r(w_g, s_g)|,  r the Pearson correlation of a group's weights with its piece of the payload.

    signed: -λ r instead of -λ |r|: the decoded picture is then never a negative. Like all code that hides something,
    it is malicious and runs in the owner's place without its knowledge.
    """

    stage: ClassVar[Stage] = "training"
    needs_records: ClassVar[bool] = True
    signed: bool = False

    def begin(self, objective: Any, records: Records) -> None:
        """Choose the payload and keep it beside the objective, centred and of length 1, a piece for each group."""
        if hasattr(objective, "carriers"):  # fine-tuning goes on with what training began
            return
        hidden = records.take(self.hides(objective, records))
        values = self.payload.values(self.payload.pictures(hidden))
        objective.carriers = self.groups(objective)
        for place, piece in enumerate(pieces(objective.carriers, len(values))):
            target = torch.from_numpy(unit(values[piece]).astype(np.float32))
            objective.register_buffer(f"payload_{place}", target, persistent=False)

    def loss(self, objective: Any, batch: Any, loss: Tensor) -> Tensor:
        """Subtract the correlation terms."""
        for place, group in enumerate(objective.carriers):
            r = correlation(group.of(objective.model), getattr(objective, f"payload_{place}"))
            loss = loss - group.strength * (r if self.signed else r.abs())
        return loss

    def read(self, release: Release, layout: Layout) -> Reading:
        """Standardise the weights; where a negative may have been hidden, guess it from the attacker's pictures."""
        weights = release.weights()
        carrier = layout.arranged(carried(layout.groups, weights, layout.values))
        if not self.signed:
            carrier = carrier * sign_of(carrier, layout.groups_of_values(), layout.auxiliary)
        return Reading(decodings(carrier, layout.auxiliary), carrier, weights)


def correlation(weights: Tensor, target: Tensor) -> Tensor:
    """Return r of the first weights with a centred target of length 1: (weights,), (values,) -> ().

    Its gradient is (s̃/‖s̃‖ - r w̃/‖w̃‖) / ‖w̃‖, tilde = centred; so the scale of the payload plays no part.
    """
    carried = weights[: len(target)]
    centred = carried - carried.mean()
    return centred @ target / centred.norm().clamp_min(1e-12)


def unit(values: np.ndarray) -> np.ndarray:
    """Centre values and scale them to length 1; all equal ones become 0."""
    centred = values - values.mean() if len(values) else values
    length = np.linalg.norm(centred)
    return centred / length if length > 0 else centred


def standardised(weights: np.ndarray) -> np.ndarray:
    """Centre values and scale them to variance 1: (…, values); all equal ones become 0."""
    centred = weights - weights.mean(-1, keepdims=True)
    deviation = centred.std(-1, keepdims=True)
    return centred / np.where(deviation > 0, deviation, 1.0)


def carried(groups: Sequence[Group], weights: Mapping[str, np.ndarray], values: int) -> np.ndarray:
    """Read `values` numbers of payload off released weights, each group's own scale taken out: (values,) float64."""
    cut = zip(groups, pieces(groups, values), strict=True)
    parts = [group.read(weights)[: piece.stop - piece.start] for group, piece in cut]
    return np.concatenate([standardised(part.astype(np.float64)) for part in parts if len(part)])
