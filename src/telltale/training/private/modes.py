"""The gradient modes by name, the one that a model gets, and the test that it is exact there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from telltale.training.batches import LabelledBatch
from telltale.training.objective import Objective
from telltale.training.private.bookkeeping import Bookkeeping, knows_layers
from telltale.training.private.one_by_one import between, doubled, each_alone, gradient_of, one_by_one
from telltale.training.private.opacus_modes import ghost, hooks
from telltale.training.private.problem import CannotError, Clipped, Problem, State
from telltale.training.private.vmapped import vmapped

CHECKED = 6  # records whose gradients decide whether a mode is exact
TOLERANCE = 1e-6  # of exactness, in double precision, relative to the largest entry


class Mode(Protocol):
    """Clips and adds up the gradients of a batch's records, `taken` says which of them count."""

    def __call__(
        self, problem: Problem, state: State, batch: LabelledBatch, clip: float, taken: Tensor | None = None
    ) -> Clipped:
        """Raise CannotError for a model or batch that the mode cannot do."""
        ...


MODES: dict[str, Callable[[], Mode]] = {
    "bookkeeping": Bookkeeping,
    "vmap": lambda: vmapped,
    "hooks": lambda: hooks,
    "ghost": lambda: ghost,
    "one_by_one": lambda: one_by_one,
}
# functions of tensors alone, which vmap can run for many models
STACKED: dict[str, Callable[[], Mode]] = {"bookkeeping": lambda: Bookkeeping(stacked=True), "vmap": lambda: vmapped}
STACKABLE = tuple(STACKED)


def inexactness(name: str, objective: Objective, batch: LabelledBatch) -> str:
    """Say in what a mode's gradients differ from those of one record at a time; "" where they do not.

    Dropout is left out: no two passes draw the same masks.
    """
    problem, batch = Problem(_double(objective, batch.labels.device)), doubled(between(batch, 0, CHECKED))
    state = problem.state()
    norms = [
        torch.stack([gradient.square().sum() for gradient in gradient_of(problem, state, alone)[1]]).sum().sqrt()
        for alone in each_alone(batch)
    ]
    clip = float(torch.stack(norms).median())  # so that some are clipped and some are not
    expected = one_by_one(problem, state, batch, clip)
    try:
        clipped = MODES[name]()(problem, state, batch, clip)
    except (CannotError, ImportError, NotImplementedError, RuntimeError, ValueError, KeyError) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    for parameter, summed in expected.sums.items():
        tolerance = TOLERANCE * float(summed.abs().max() + 1e-12)
        if not torch.allclose(clipped.sums[parameter], summed, rtol=0, atol=tolerance):
            return f"its gradient of {parameter} is not that of one record at a time"
    return ""


def mode_of(objective: Objective) -> str:
    """Choose the gradient mode of a private objective: the one its options name, or by its layers alone.

    `bookkeeping` costs the least (docs/benchmarks.md) and is chosen where it has a rule for every layer that is
    trained, `vmap` elsewhere. Whether the mode is exact for this model is tested before
    anything is trained.
    """
    mode: str = objective.private.options.mode
    if mode != "auto":
        return mode
    return "bookkeeping" if knows_layers(objective) else "vmap"


def _double(objective: Objective, device: torch.device) -> Any:
    copied = copy.deepcopy(objective).to(device).double().train()
    for module in copied.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return copied
