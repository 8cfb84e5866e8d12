"""A fit in one process on a CPU: Lightning's loop, its hooks and no more of it, for steps of a few milliseconds.

Lightning's trainer takes 0.8 ms a step and 0.1 s a fit beside what is trained. Weights, curves and checkpoints are bit
for bit those that it makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import Checkpoint
from torch.utils.data import DataLoader

from telltale.training.fitted import Trained
from telltale.training.trainer import TrainerOptions


def is_plain(options: TrainerOptions) -> bool:
    """Say whether a fit needs nothing of Lightning's trainer: one process on a CPU, in single precision."""
    alone = options.device_type == "cpu" and options.devices == 1 and options.strategy == "auto"
    return alone and options.precision == "32-true" and options.profiler is None


class PlainTrainer:
    """Has what our callbacks look at in Lightning's trainer, and calls them as that does; checkpoints come last.

    limit: batches of an epoch, 0 = all
    """

    is_global_zero, global_rank = True, 0

    def __init__(self, max_epochs: int, limit: int, callbacks: Sequence[Callback]) -> None:
        self.max_epochs, self.limit = max_epochs, limit
        self.callbacks: list[Any] = sorted(callbacks, key=lambda callback: isinstance(callback, Checkpoint))
        self.strategy = SimpleNamespace(root_device=torch.device("cpu"), launcher=None)
        self.current_epoch = self.global_step = 0

    def fit(self, trained: Any, loader: DataLoader, checkpoint: Path | None) -> None:
        """Train, on from a checkpoint where there is one."""
        (self.optimizer,), (self.schedule,) = trained.configure_optimizers()
        self.trained = trained
        trained.begin_fit()
        trained.train()
        if checkpoint is not None:
            self._load(checkpoint)
        try:
            self._call("on_train_start")
            for epoch in range(self.current_epoch, self.max_epochs):
                self.current_epoch = epoch
                self._epoch(trained, loader)
            self._call("on_train_end")
        except BaseException as error:
            self._call("on_exception", error)
            raise
        self._call("on_fit_end")
        trained.end_fit()
        self._call("teardown", "fit")

    def save_checkpoint(self, file: Path) -> None:
        """Write all that a fit goes on from, under Lightning's names."""
        kept = {
            "epoch": self.current_epoch,
            "global_step": self.global_step,
            "state_dict": self.trained.state_dict(),
            "optimizer_states": [self.optimizer.state_dict()],
            "lr_schedulers": [self.schedule.state_dict()],
            "callbacks": {callback.state_key: callback.state_dict() for callback in self.callbacks},
        }
        torch.save(kept, file)

    def _load(self, file: Path) -> None:
        kept = torch.load(file, weights_only=True)
        self.trained.load_state_dict(kept["state_dict"])
        self.optimizer.load_state_dict(kept["optimizer_states"][0])
        self.schedule.load_state_dict(kept["lr_schedulers"][0])
        for callback in self.callbacks:
            if state := kept["callbacks"].get(callback.state_key):
                callback.load_state_dict(state)
        self.current_epoch, self.global_step = kept["epoch"] + 1, kept["global_step"]

    def _epoch(self, trained: Trained, loader: DataLoader) -> None:
        sampler: Any = loader.sampler
        sampler.set_epoch(self.current_epoch)
        trained.at_epoch(self.current_epoch)
        for number, item in enumerate(islice(sampler, self.limit or None)):
            batch = loader.dataset[item]  # as the loader serves it, which takes a tenth of a millisecond
            self._call("on_train_batch_start", batch, number)
            loss = trained.training_step(batch, number)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.global_step += 1
            self._call("on_train_batch_end", {"loss": loss.detach()}, batch, number)
        self.schedule.step()
        self._call("on_train_epoch_end")

    def _call(self, hook: str, *given: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, self, *given)  # it has `trained`, as the module has that Lightning trains
