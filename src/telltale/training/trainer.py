"""How a fit runs: device, processes, precision. None of it changes the method."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from telltale.checks import choice, whole_number
from telltale.errors import InputError

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")


@dataclass(frozen=True)
class TrainerOptions:
    """Lightning's hardware options and debugging switches.

    accelerator: auto | cpu | gpu; strategy: auto | ddp, `devices` processes for one model with ddp;
    fast_dev_run: train on so many batches only (0 = train); profiler: None | simple | advanced.
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
        most = None if self.strategy == "ddp" else 1
        whole_number("trainer.devices", self.devices, most=most, expected="1, or more with trainer.strategy=ddp")
        if self.device_type == "cuda" and self.devices > torch.cuda.device_count():
            raise InputError("trainer.devices", self.devices, f"only {torch.cuda.device_count()} GPUs are visible here")
        choice("trainer.precision", self.precision, PRECISIONS)

    @property
    def device_type(self) -> str:
        """Say where models run: "cpu" or "cuda"."""
        if self.accelerator == "cpu" or not torch.cuda.is_available():
            return "cpu"
        return "cuda"
