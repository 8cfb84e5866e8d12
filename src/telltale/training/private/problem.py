"""The problem of a gradient mode: a model as a function of its parameters, and a batch as separate records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from telltale.data.molecules.batch import MoleculeBatch
from telltale.training.batches import LabelledBatch
from telltale.training.objective import Objective

State = Mapping[str, Tensor]


class Clipped(NamedTuple):
    """total: Σ_i loss_i; sums: Σ_i min(1, C / ‖g_i‖) g_i by the name of each trained parameter."""

    total: Tensor
    sums: dict[str, Tensor]


class CannotError(Exception):
    """A gradient mode that cannot do this model; says why."""


@dataclass(frozen=True)
class Problem:
    """An objective, and which of its parameters are trained."""

    objective: Objective

    @property
    def trained(self) -> tuple[str, ...]:
        """Name the parameters that get a gradient: frozen ones get none, and no noise."""
        return tuple(name for name, parameter in self.objective.named_parameters() if parameter.requires_grad)

    def state(self) -> dict[str, Tensor]:
        """Return all parameters and buffers, without history."""
        named = (*self.objective.named_parameters(), *self.objective.named_buffers())
        return {name: tensor.detach() for name, tensor in named}

    def losses(self, state: State, batch: LabelledBatch) -> Tensor:
        """Compute the loss of each record of a batch with these parameters and buffers: (records,)."""
        return functional_call(_RecordLosses(self.objective), {f"objective.{k}": v for k, v in state.items()}, (batch,))

    def split(self, state: State) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return what is trained, and what is not."""
        trained = {name: state[name] for name in self.trained}
        return trained, {name: tensor for name, tensor in state.items() if name not in trained}


class _RecordLosses(nn.Module):
    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, batch: LabelledBatch) -> Tensor:
        return self.objective.record_losses(batch)


def with_labels(batch: LabelledBatch | MoleculeBatch) -> LabelledBatch:
    """Return a batch of records, of which molecules that nobody labelled get labels that no loss looks at."""
    if isinstance(batch, LabelledBatch):
        return batch
    return LabelledBatch(batch, torch.zeros_like(batch.keys), batch.keys)


def total_of(losses: Tensor, taken: Tensor | None) -> Tensor:
    """Add up the losses of records, without what only fills a batch up."""
    return losses.sum() if taken is None else (losses * taken).sum()


def clip_factors(squared_norms: Tensor, clip: float, taken: Tensor | None) -> Tensor:
    """min(1, C / ‖g‖) for each record: (records,); 0 for what only fills a batch up."""
    norms = squared_norms.sqrt()
    factors = torch.where(norms > clip, clip / norms.clamp_min(torch.finfo(norms.dtype).tiny), torch.ones_like(norms))
    if not clip:
        factors = torch.zeros_like(norms)
    return factors if taken is None else factors * taken
