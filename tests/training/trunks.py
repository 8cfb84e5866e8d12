"""Files of weights for trunks that tests share: random numbers under torchvision's names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from telltale.models.pretrained import TRUNKS


def weights_of(name: str, folder: Path, seed: int = 0, **changes: torch.Tensor | None) -> str:
    """Write random weights with a last layer, as published files have it; changes: other tensors, None = left out."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state: dict[str, Any] = {**TRUNKS[name]().state_dict(), "fc.weight": torch.zeros(3, 4)} | changes
    file = folder / f"{name}-{seed}.safetensors"
    save_file({key: one for key, one in state.items() if one is not None}, file)
    return str(file)


def frozen(file: str, name: str = "resnet18", encoder: str = "residual") -> dict[str, Any]:
    """Return the options of a captioner with a frozen trunk in the place of one encoder."""
    return {"encoder": encoder, "trunk": {encoder: name}, "weights": {encoder: file}, "side": 32}
