"""Gradient modes `hooks` and `ghost`: Opacus's own, attached to a network for the length of a step.

hooks: forms every record's gradient layer by layer; ghost: norms in a first backward pass, the clipped sum in a
second (Li et al. 2022). They take the first axis of what a layer sees for the records, so graphs are refused.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from telltale.data.molecules.batch import MoleculeBatch
from telltale.training.batches import LabelledBatch
from telltale.training.private.problem import CannotError, Clipped, Problem, State, clip_factors, total_of

warnings.filterwarnings("ignore", message="Full backward hook is firing")  # on a layer whose input has no gradient


def hooks(problem: Problem, state: State, batch: LabelledBatch, clip: float, taken: Tensor | None = None) -> Clipped:
    """Clip and add up the gradients of a batch's records, formed by Opacus's hooks."""
    from opacus.grad_sample import GradSampleHooks

    attached, trained = _attached(GradSampleHooks, problem, state, batch)
    try:
        with torch.enable_grad():
            losses = problem.objective.record_losses(batch)
            losses.sum().backward()
        each = {name: parameter.grad_sample.flatten(1) for name, parameter in trained.items()}
    finally:
        _detach(attached, trained)
    squares = torch.stack([gradients.square().sum(1) for gradients in each.values()]).sum(0)
    factors = clip_factors(squares, clip, taken)
    sums = {name: (factors @ gradients).view_as(trained[name]) for name, gradients in each.items()}
    return Clipped(total_of(losses.detach(), taken), sums)


def ghost(problem: Problem, state: State, batch: LabelledBatch, clip: float, taken: Tensor | None = None) -> Clipped:
    """Clip and add up the gradients of a batch's records by Opacus's norms and a second backward pass."""
    from opacus.grad_sample import GradSampleHooksFastGradientClipping

    attached, trained = _attached(GradSampleHooksFastGradientClipping, problem, state, batch)
    try:
        with torch.enable_grad():
            losses = problem.objective.record_losses(batch)
            losses.sum().backward(retain_graph=True)
            factors = clip_factors(attached.get_norm_sample().square(), clip, taken)
            attached.disable_hooks()
            sums = torch.autograd.grad((losses * factors).sum(), list(trained.values()))
    finally:
        _detach(attached, trained)
    return Clipped(total_of(losses.detach(), taken), dict(zip(trained, sums, strict=True)))


def _attached(kind: Any, problem: Problem, state: State, batch: LabelledBatch) -> tuple[Any, dict[str, Any]]:
    """Attach Opacus to the objective itself; `state` has to be its own."""
    if isinstance(batch.inputs, MoleculeBatch):
        raise CannotError("Opacus's hooks see atoms, not molecules")
    trained = {name: parameter for name, parameter in problem.objective.named_parameters() if parameter.requires_grad}
    if any(state[name].data_ptr() != parameter.data_ptr() for name, parameter in trained.items()):
        raise CannotError("Opacus's hooks work on a network's own weights only")
    return kind(problem.objective, loss_reduction="sum", strict=False), trained


def _detach(attached: Any, trained: dict[str, Any]) -> None:
    attached.cleanup()
    for parameter in trained.values():
        parameter.grad = None
