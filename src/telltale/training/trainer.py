"""How a fit runs: device, processes, precision. None of it changes the method."""

from __future__ import annotations

from dataclasses import dataclass

import torch

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
        if self.accelerator not in ("auto", "cpu", "gpu"):
            raise InputError("trainer.accelerator", self.accelerator, "one of auto, cpu, gpu")
        if self.accelerator == "gpu" and not torch.cuda.is_available():
            raise InputError("trainer.accelerator", self.accelerator, "no GPU is visible here; use trainer=cpu or auto")
        if self.strategy not in ("auto", "ddp"):
            raise InputError("trainer.strategy", self.strategy, "one of auto, ddp")
        whole = isinstance(self.devices, int) and not isinstance(self.devices, bool)
        if not whole or self.devices < 1 or (self.devices > 1 and self.strategy != "ddp"):
            raise InputError("trainer.devices", self.devices, "1, or more with trainer.strategy=ddp")
        if self.device_type == "cuda" and self.devices > torch.cuda.device_count():
            raise InputError("trainer.devices", self.devices, f"only {torch.cuda.device_count()} GPUs are visible here")
        if self.precision not in PRECISIONS:
            raise InputError("trainer.precision", self.precision, f"one of {', '.join(PRECISIONS)}")

    @property
    def device_type(self) -> str:
        """Say where models run: "cpu" or "cuda"."""
        if self.accelerator == "cpu" or not torch.cuda.is_available():
            return "cpu"
        return "cuda"
