"""Is private training private? A few steps on a copy: what noise and clipping must do to gradients and weights.

Reads nothing of how either is made, only what reaches the weights: an accountant believes whatever it is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from telltale.errors import NotPrivateError
from telltale.training.private.privacy import Plan

STEPS = 3
LOUDER = 1000.0
ERRORS = 6.0  # standard errors that the noise's size may be off
ALIKE = 0.5  # cosine from which two ways through the space of weights are one

# a fresh module that follows a plan, its optimiser, and a batch as its training step takes it
Start = Callable[[Plan], tuple[Any, torch.optim.Optimizer, Any]]


def require_private(start: Start, plan: Plan) -> None:
    """Raise NotPrivateError unless clip 0 freezes the weights and noise times 1000 drowns what is learned.

    `start` gives the same module each time, without weight decay.
    """
    if _way(start, replace(plan, clip=0.0))[1].any():
        raise NotPrivateError("with clip 0 the weights still move: gradients reach them unclipped")
    if not plan.sigma * plan.clip:
        return
    loud = replace(plan, sigma=LOUDER * plan.sigma)
    (gradient, quiet), (noisy, drowned) = _way(start, replace(plan, sigma=0.0)), _way(start, loud)
    noise = noisy - gradient
    expected = loud.sigma * loud.clip / loud.expected
    reached = float(noise.square().mean().sqrt())
    if not abs(reached / expected - 1) <= ERRORS / math.sqrt(2 * len(noise)):
        raise NotPrivateError(f"noise of {expected:.3g} a weight was asked for, {reached:.3g} reaches the gradient")
    if float(torch.cosine_similarity(quiet, drowned, dim=0)) > ALIKE:
        raise NotPrivateError(f"with {LOUDER:,.0f} times the noise the weights go the way they go without any")


def _way(start: Start, plan: Plan) -> tuple[Tensor, Tensor]:
    """Train for a few steps: the first gradient, and how far each weight has come."""
    module, optimizer, batch = start(plan)
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    before, first = _flat(trained), None
    for _ in range(STEPS):
        optimizer.zero_grad()
        module.training_step(batch, 0).backward()
        first = _flat([parameter.grad for parameter in trained]) if first is None else first
        optimizer.step()
    assert first is not None
    return first, _flat(trained) - before


def _flat(tensors: Iterable[Tensor | nn.Parameter | None]) -> Tensor:
    return torch.cat([tensor.detach().flatten().double() for tensor in tensors if tensor is not None])
