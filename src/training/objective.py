"""What the owner trains for: the base of every objective, a LightningModule around a plain model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from src.training.processes import total_over_processes, world_size


class LossTerm(NamedTuple):
    """A loss as a sum and the number of its parts, so that any number of processes can form the global batch's mean."""

    total: Tensor
    number: Tensor


class LossCode(Protocol):
    """Training code added to an objective: a training-stage defence, or an attacker's."""

    def loss(self, objective: Objective, batch: Any, loss: Tensor) -> Tensor:
        """Return the loss to descend instead."""
        ...


class Objective(LightningModule):
    """Base of all objectives: `model` is what gets released, everything else here stays with the owner.

    A subclass implements `terms` (the loss) and `success` (how well the owner's own task is learned).
    """

    accepts: str = "molecules"

    def __init__(
        self, model: nn.Module, epochs: int, batch_size: int, learning_rate: float, weight_decay: float = 0.0
    ) -> None:
        super().__init__()
        self.model = model
        self.epochs, self.batch_size = epochs, batch_size
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.loss_code: Sequence[LossCode] = ()

    def terms(self, batch: Any) -> list[LossTerm]:
        """Return the loss on this process's share of the batch, as terms that are averaged and added."""
        raise NotImplementedError

    def success(self, batches: Iterable[Any]) -> dict[str, float]:
        """Measure the owner's task on held-out batches, next to the rate a trivial guess reaches."""
        raise NotImplementedError

    def training_step(self, batch: Any, batch_index: int) -> Tensor:
        """Return the loss whose gradient, averaged by DDP, is that of the global batch's mean.

        Each process returns world_size * local total / global count; DDP divides by world_size again.
        """
        loss = torch.zeros((), device=self.device)
        for total, number in self.terms(batch):
            loss = loss + total * world_size() / total_over_processes(number).clamp_min(1)
        for code in self.loss_code:
            loss = code.loss(self, batch, loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Use Adam with the recipe's learning rate."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)


def mean_of_batches(batches: Iterable[Any], measure: Any) -> list[float]:
    """Average `measure(batch) -> (tensor of sums, count)` over batches without gradients."""
    sums, count = torch.zeros(1), 0.0
    with torch.no_grad():
        for batch in batches:
            total, n = measure(batch)
            sums, count = sums + total.double().cpu(), count + float(n)
    return (sums / max(count, 1.0)).tolist()
