"""The owner's own tool chain: torchao's integer weight-only quantization of linear layers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import torch
from torch import nn

from telltale.checks import whole_number
from telltale.defenses.quantization.network import require_bits
from telltale.errors import InputError
from telltale.owner.defense import Defense, ProtectedRecipe, Stage


@dataclass(frozen=True)
class TorchaoWeights(Defense):
    """torchao.quantization.IntxWeightOnlyConfig: symmetric integers, one scale for each output channel or group.

    group: input weights that share a scale, null = a whole output channel. Convolutions stay as they are: torchao's
    configuration covers linear layers only. The weights are released as the float values that the integers stand
    for. Raises InputError for options out of range, without torchao, and for a network without linear layers.
    """

    stage: ClassVar[Stage] = "model"
    bits: int = 4
    group: int | None = None

    def __post_init__(self) -> None:
        if require_bits("defense.bits", self.bits) == 1:
            raise InputError("defense.bits", 1, "2 to 8: torchao's symmetric integers of one bit have one level only")
        expected = "a whole number from 1, or null for a whole output channel"
        whole_number("defense.group", self.group, or_null=True, expected=expected)

    def check(self, recipe: ProtectedRecipe) -> None:
        """Refuse where torchao or a linear layer is missing, or a group does not divide a layer."""
        if find_spec("torchao") is None:
            raise InputError("defense", "torchao", 'needs torchao: pip install "telltale[quant]"')
        layers = [module for module in recipe.initial().model.modules() if isinstance(module, nn.Linear)]
        if not layers:
            raise InputError("defense", "torchao", "quantizes linear layers, and this network has none")
        for layer in layers:
            if self.group and layer.in_features % self.group:
                raise InputError("defense.group", self.group, f"a number that divides {layer.in_features}, or null")

    @torch.no_grad()
    def model(self, model: nn.Module) -> nn.Module:
        """Quantize the linear layers in place, and put back what the integers stand for."""
        from torchao.quantization import IntxWeightOnlyConfig, quantize_
        from torchao.quantization.granularity import PerAxis, PerGroup

        granularity = PerGroup(self.group) if self.group else PerAxis(0)
        quantize_(model, IntxWeightOnlyConfig(getattr(torch, f"int{self.bits}"), granularity))
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                layer.weight = nn.Parameter(layer.weight.dequantize().float())
        return model
