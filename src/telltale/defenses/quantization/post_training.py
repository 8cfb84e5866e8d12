"""Post-training quantization: the released weights are stored in a few bits, by the owner's own trusted code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from telltale.checks import choice
from telltale.defenses.quantization.network import (
    GRANULARITIES,
    QUANTIZERS,
    quantize,
    require_bits,
    require_matrices,
)
from telltale.owner.defense import Defense, ProtectedRecipe, Stage


@dataclass(frozen=True)
class Quantization(Defense):
    """Every weight matrix and kernel gets at most 2^bits levels; biases and norms keep theirs.

    quantizer: uniform | symmetric | kmeans | kmeans_linear | weighted_entropy; granularity: one set of levels a
    tensor, or one for each output channel. Raises InputError for options out of range, and for a network without
    matrices.
    """

    stage: ClassVar[Stage] = "model"
    bits: int = 4
    quantizer: str = "kmeans"
    granularity: str = "tensor"

    def __post_init__(self) -> None:
        require_bits("defense.bits", self.bits)
        choice("defense.quantizer", self.quantizer, QUANTIZERS)
        choice("defense.granularity", self.granularity, GRANULARITIES)

    def check(self, recipe: ProtectedRecipe) -> None:
        """Refuse a network without matrices."""
        require_matrices("defense.quantizer", self.quantizer, recipe.initial().model)

    def model(self, model: nn.Module) -> nn.Module:
        """Quantize the trained network."""
        return quantize(model, QUANTIZERS[self.quantizer], self.bits, self.granularity)
