"""The processes that share one model's training: how many there are, and sums over them."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Count the processes of this fit."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def sum_over_processes(value: Tensor) -> Tensor:
    """Add a tensor up over the processes; gradients flow back to all of them."""
    return value if world_size() == 1 else _Sum.apply(value)


class _Sum(torch.autograd.Function):
    """y_p = Σ_q x_q, so the gradient of x_q is the sum over p of the gradients of y_p."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total
