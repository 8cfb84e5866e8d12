"""One private step (Abadi et al. 2016, algorithm 1): g = (Σ_i min(1, C / ‖g_i‖) g_i + σ C N(0, I)) / expected batch.

The optimiser works on g as on any gradient: momentum, schedules and weight decay see nothing else of the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from telltale.training.private.noise import gaussians
from telltale.training.private.privacy import Plan


def privatised(sums: Sequence[Tensor], plan: Plan, seeds: Sequence[int], step: int) -> list[Tensor]:
    """Add each model's noise for this step to its clipped sums (models, *shape), and divide; in place."""
    if plan.sigma * plan.clip:
        drawn = gaussians([summed.shape[1:] for summed in sums], seeds, step, sums[0].device)
        for summed, noise in zip(sums, drawn, strict=True):
            summed.add_(noise, alpha=plan.sigma * plan.clip)
    return [summed.div_(plan.expected) for summed in sums]


def with_gradient(value: Tensor, parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor]) -> Tensor:
    """Return a loss of this value whose gradient in the parameters is the one given."""
    result: Tensor = _WithGradient.apply(value, [*gradients], *parameters)
    return result


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: list[Tensor], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx: Any, factor: Tensor) -> tuple[Any, ...]:
        gradients, ctx.gradients = ctx.gradients, None
        return None, None, *(gradient.mul_(factor) for gradient in gradients)
