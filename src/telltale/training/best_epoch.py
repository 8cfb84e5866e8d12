"""The weights of each model's best epoch, by its validation loss."""

from __future__ import annotations

import logging
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

log = logging.getLogger("telltale")


class BestEpoch(Callback):
    """Ends a fit with the weights of the epoch with the lowest validation loss, for each model by itself.

    Works on any module with `validation_losses() -> (models,)` whose parameters and buffers have the models as
    leading axis, or none for one model. The first of equal epochs counts; a loss that is not a number is the worst.
    """

    def __init__(self) -> None:
        self.losses = self.epochs = torch.zeros(0)
        self.kept: dict[str, Tensor] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Keep what is better than before; checkpoints are written after it and hold it."""
        losses = pl_module.trained.validation_losses().detach()
        losses = torch.where(losses.isnan(), torch.inf, losses)
        epochs = torch.full_like(losses, trainer.current_epoch + 1)
        current = {name: tensor.detach() for name, tensor in pl_module.trained.state_dict().items()}
        if not self.kept:
            self.losses, self.epochs = losses, epochs
            self.kept = {name: tensor.clone() for name, tensor in current.items()}
            return
        better = losses < self.losses.to(losses.device)
        self.losses = torch.where(better, losses, self.losses.to(losses.device))
        self.epochs = torch.where(better, epochs, self.epochs.to(losses.device))
        for name, tensor in current.items():
            self.kept[name] = torch.where(_along(better, tensor), tensor, self.kept[name].to(tensor.device))

    def on_fit_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the kept weights in; on_train_end would not do, Lightning leaves it out where no epoch is left."""
        pl_module.trained.load_state_dict(self.kept)
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
