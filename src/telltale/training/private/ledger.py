"""What private training has spent: kept with the weights, so that ε is computed from the steps really taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

PREFIX = "ledger."  # of its tensors' names in an objective's state


class Ledger(nn.Module):
    """Steps taken, noise multiplier and sampling rate as buffers: they are in checkpoints and weights files."""

    steps: Tensor
    sigma: Tensor
    rate: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("sigma", torch.zeros((), dtype=torch.float64))
        self.register_buffer("rate", torch.zeros((), dtype=torch.float64))


def ledger_in(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """Return the entries of a trained objective's ledger as plain numbers; None where it has none."""
    entries = {name.removeprefix(PREFIX): tensor.item() for name, tensor in state.items() if name.startswith(PREFIX)}
    return entries or None
