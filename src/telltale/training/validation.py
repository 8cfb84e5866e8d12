"""Validation on records that a model's owner holds back from training, and the weights of each model's best epoch."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.training.batches import GlobalBatches

log = logging.getLogger("telltale")


def validation_split(records: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Deal a model's own records out by its seed: places to train on, places to validate on, both in order.

    Raises InputError where one of the two would be empty.
    """
    held_out = max(1, round(share * records))
    if held_out >= records:
        raise InputError("defense.share", share, f"a share that leaves some of {records:,} records to train on")
    validated = np.zeros(records, bool)
    validated[generator(seed, "validation").choice(records, held_out, replace=False)] = True
    return np.flatnonzero(~validated), np.flatnonzero(validated)


def portions(records: int, batch_size: int) -> list[np.ndarray]:
    """Cut 0 … records - 1 into runs of at most `batch_size`, of nearly equal length."""
    return np.array_split(np.arange(records), -(-records // batch_size))


class Part(Dataset):
    """Some of a dataset's records: serves (epoch, rows), rows counted among `places`."""

    def __init__(self, dataset: Any, places: np.ndarray) -> None:
        self.dataset, self.places = dataset, places

    def __getitem__(self, item: tuple[int, np.ndarray]) -> Any:
        epoch, rows = item
        return self.dataset[epoch, self.places[rows]]


def loader_of(part: Part, batch_size: int, seed: int) -> DataLoader:
    """Return a loader as `training_loader` makes it, of the records of a part."""
    return DataLoader(part, sampler=GlobalBatches(len(part.places), batch_size, seed), batch_size=None)


@contextmanager
def as_measured(objective: Any) -> Iterator[None]:
    """Evaluate an objective's own loss inside: no gradient, no dropout, nothing that loss code makes of it."""
    code, training = objective.loss_code, objective.training
    objective.loss_code = ()
    objective.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        objective.loss_code = code
        objective.train(training)


class BestEpoch(Callback):
    """Ends a fit with the weights of the epoch with the lowest validation loss, for each model by itself.

    Works on any module with `validation_losses() -> (models,)` whose parameters and buffers have the models as
    leading axis, or none for one model. The first of equal epochs counts; a loss that is not a number is the worst.
    """

    def __init__(self) -> None:
        self.losses = self.epochs = torch.zeros(0)
        self.kept: dict[str, Tensor] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep what is better than before; checkpoints are written after it and hold it."""
        losses = pl_module.validation_losses().detach()  # type: ignore[operator]
        losses = torch.where(losses.isnan(), torch.inf, losses)
        epochs = torch.full_like(losses, trainer.current_epoch + 1)
        current = {name: tensor.detach() for name, tensor in pl_module.state_dict().items()}
        if not self.kept:
            self.losses, self.epochs = losses, epochs
            self.kept = {name: tensor.clone() for name, tensor in current.items()}
            return
        better = losses < self.losses.to(losses.device)
        self.losses = torch.where(better, losses, self.losses.to(losses.device))
        self.epochs = torch.where(better, epochs, self.epochs.to(losses.device))
        for name, tensor in current.items():
            self.kept[name] = torch.where(_along(better, tensor), tensor, self.kept[name].to(tensor.device))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the kept weights in; on_train_end would not do, Lightning leaves it out where no epoch is left."""
        pl_module.load_state_dict(self.kept)
        if trainer.is_global_zero:
            first, last = int(self.epochs.min()), int(self.epochs.max())
            which = f"epoch {first}" if first == last else f"epochs {first} to {last}"
            log.info(f"kept the weights of {which} of {trainer.max_epochs}: the lowest validation loss")

    def state_dict(self) -> dict[str, Any]:
        """Return tensors only: checkpoints are read with weights_only."""
        return {"losses": self.losses, "epochs": self.epochs, "kept": self.kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with what a checkpoint holds."""
        self.losses, self.epochs, self.kept = (state_dict[name] for name in ("losses", "epochs", "kept"))


def _along(models: Tensor, like: Tensor) -> Tensor:
    """Shape (models,) to choose along the leading axis of `like`; one model chooses all of it."""
    return models.view(()) if len(models) == 1 else models.view(-1, *[1] * (like.ndim - 1))
