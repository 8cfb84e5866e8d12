"""LSB encoding: the lowest bits of the trained weights become the payload (Song et al., CCS 2017, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch

from telltale.attacks.weight_encoding.carriers import Carriers, Group, fitting
from telltale.attacks.weight_encoding.encoding import Layout, Reading, WeightsEncoding
from telltale.attacks.weight_encoding.sign import BITS, bits_of, pixels_of
from telltale.checks import whole_number
from telltale.data.records import Records
from telltale.owner.defense import Stage
from telltale.owner.release import Release

WORD, MANTISSA = 32, 23


@dataclass(frozen=True)
class LeastSignificantBits(WeightsEncoding):
    """Replaces the lowest `bits` of every float32 weight, after honest training; up to 23 only the mantissa changes.

    The payload is stored plain: without the compression and encryption of the paper, which change its size alone.
    """

    stage: ClassVar[Stage] = "finish"
    carriers: Carriers = field(default_factory=lambda: Carriers("all"))
    bits: int = 16

    def __post_init__(self) -> None:
        whole_number("attack.lowest_bits", self.bits, most=MANTISSA)

    def fitting(self, objective: Any) -> int:
        """Count the pictures that fit into a network; InputError for fewer than asked, or none."""
        return fitting(self.payload, objective, self.groups(objective), self.bits / BITS)

    @torch.no_grad()
    def finish(self, objective: Any, records: Records, train: Callable[[], None]) -> None:
        """Write the payload into the trained weights."""
        pictures = self.payload.pictures(records.take(self.hides(objective, records)))
        bits = bits_of(self.payload.values(pictures))
        parameters = dict(objective.model.named_parameters())
        for group in self.groups(objective):
            for name in group.names:
                parameter = parameters[name]
                room = self.bits * parameter.numel()
                written = write_bits(parameter.cpu().numpy().ravel(), bits[:room], self.bits)
                parameter.copy_(torch.from_numpy(written).view(parameter.shape))
                bits = bits[room:]

    def read(self, release: Release, layout: Layout) -> Reading:
        """Read the lowest bits."""
        weights = release.weights()
        pixels = read_lowest(layout.groups, weights, layout.values, self.bits)
        return Reading({"bits": layout.arranged(pixels)}, weights=weights)


def write_bits(weights: np.ndarray, payload: np.ndarray, bits: int) -> np.ndarray:
    """Write a payload into the lowest bits: (weights,) float32, (at most weights * bits,) 0 or 1 -> (weights,)."""
    words, used = weights.astype(np.float32).view(np.uint32).copy(), -(-len(payload) // bits)
    rows = np.zeros((used, bits), np.uint32)
    rows.ravel()[: len(payload)] = payload
    number = (rows << np.arange(bits - 1, -1, -1, dtype=np.uint32)).sum(1, dtype=np.uint32)
    keep = np.uint32((1 << WORD) - (1 << bits))
    words[:used] = (words[:used] & keep) | number
    return words.view(np.float32)


def read_bits(weights: np.ndarray, bits: int) -> np.ndarray:
    """Read the lowest bits of all weights: (weights,) float32 -> (weights * bits,) 0 or 1."""
    words = weights.astype(np.float32).view(np.uint32)
    return ((words[:, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint32)) & 1).ravel()


def read_lowest(groups: Sequence[Group], weights: Mapping[str, np.ndarray], values: int, bits: int) -> np.ndarray:
    """Read pixels off the lowest bits of released weights: (values,), 0 to 255."""
    lowest = np.concatenate([read_bits(group.read(weights), bits) for group in groups])
    return pixels_of(lowest[: BITS * values].astype(bool))
