"""How a fit runs: device, processes, precision. None of it changes the method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from telltale.checks import MANY, choice, whole_number
from telltale.errors import InputError
from telltale.training.tasks import nodes, train_together

Curve = Callable[[dict[str, float], int], None]  # values, epoch: receives a loss curve as it grows
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")


@dataclass(frozen=True)
class TrainerOptions:
    """Lightning's hardware options and debugging switches.

        accelerator   auto | cpu | gpu
        devices       processes that train one model, more than 1 with strategy=ddp
        strategy      auto | ddp
        precision     32-true | 16-mixed | bf16-mixed
        fast_dev_run  batches that a fit trains on, 0 = all of them
        profiler      None | simple | advanced

    Raises InputError for an option out of range, and for a GPU that is not there.
    """

    accelerator: str = "auto"
    devices: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    fast_dev_run: int = 0
    profiler: str | None = None

    def __post_init__(self) -> None:
        choice("trainer.accelerator", self.accelerator, ("auto", "cpu", "gpu"))
        if self.accelerator == "gpu" and not torch.cuda.is_available():
            raise InputError("trainer.accelerator", self.accelerator, "no GPU is visible here; use trainer=cpu or auto")
        choice("trainer.strategy", self.strategy, ("auto", "ddp"))
        most = MANY if self.strategy == "ddp" else 1
        whole_number("trainer.devices", self.devices, most=most, expected="1, or more with trainer.strategy=ddp")
        here = (
            self.devices // nodes()
            if train_together({"strategy": self.strategy, "devices": self.devices})
            else self.devices
        )
        if self.device_type == "cuda" and here > torch.cuda.device_count():
            raise InputError("trainer.devices", self.devices, f"only {torch.cuda.device_count()} GPUs are visible here")
        choice("trainer.precision", self.precision, PRECISIONS)

    @property
    def device_type(self) -> str:
        """Say where models run: "cpu" or "cuda"."""
        if self.accelerator == "cpu" or not torch.cuda.is_available():
            return "cpu"
        return "cuda"
