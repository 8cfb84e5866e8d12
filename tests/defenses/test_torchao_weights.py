"""torchao's integers, where it is installed; where it is not, one line says so."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from telltale.defenses.torchao_weights import TorchaoWeights
from telltale.errors import InputError


def recipe_of(*layers: nn.Module) -> Any:
    objective = type("Objective", (), {"model": nn.Sequential(*layers)})()
    return type("Recipe", (), {"initial": lambda self: objective})()


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_each_output_channel_has_at_most_two_to_the_b_values(bits: int) -> None:
    """Catches weights that are handed on as they were, and a convolution that is said to be quantized."""
    pytest.importorskip("torchao", reason='torchao is not installed: pip install "telltale[quant]"')
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(64, 32))
    kernel, before = model[0].weight.detach().clone(), model[2].weight.detach().clone()
    after = TorchaoWeights(bits).model(model)[2].weight.detach()
    assert max(len(np.unique(row)) for row in after) <= 2**bits
    assert 0 < float((after - before).abs().mean()) < 0.05 and torch.equal(kernel, model[0].weight)


def test_what_is_missing_is_told_before_anything_is_trained() -> None:
    """Catches a failed import after the training."""
    told = "has none" if find_spec("torchao") else r"telltale\[quant\]"
    with pytest.raises(InputError, match=told):
        TorchaoWeights().check(recipe_of(nn.Conv2d(1, 4, 3)))


def test_a_group_has_to_divide_the_layer() -> None:
    """Catches torchao's own assertion, raised while the release is made."""
    if find_spec("torchao"):
        with pytest.raises(InputError, match=r"defense\.group=48: a number that divides 64"):
            TorchaoWeights(4, 48).check(recipe_of(nn.Linear(64, 32)))
