"""A LightningModule around what is trained; objectives and fleets do without Lightning, which takes seconds to load."""

from __future__ import annotations

from typing import Any, Protocol

from pytorch_lightning import LightningModule
from torch import Tensor


class Trained(Protocol):
    """What a fit needs of an objective or a fleet, beside being a torch module."""

    def at_epoch(self, epoch: int) -> None:
        """Learn which epoch the next step belongs to, counted from 0."""
        ...

    def training_step(self, batch: Any, batch_index: int) -> Tensor:
        """Return the loss to descend."""
        ...

    def configure_optimizers(self) -> Any:
        """Hand over optimisers and schedules, as Lightning takes them."""
        ...

    def begin_fit(self) -> None:
        """Make ready, on the device on which it is trained."""
        ...

    def end_fit(self) -> None:
        """Let go of what only training needs."""
        ...


class Fitted(LightningModule):
    """Has Lightning train `trained`, whose parameters it shares."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.trained = trained

    def training_step(self, batch: Any, batch_index: int) -> Tensor:
        """Tell the epoch, which a resumed fit does not begin with a hook for, and return the loss."""
        self.trained.at_epoch(self.current_epoch)
        loss: Tensor = self.trained.training_step(batch, batch_index)
        return loss

    def configure_optimizers(self) -> Any:
        """Hand on what is trained with."""
        return self.trained.configure_optimizers()

    def on_fit_start(self) -> None:
        """Pass it on."""
        self.trained.begin_fit()

    def on_fit_end(self) -> None:
        """Pass it on."""
        self.trained.end_fit()
