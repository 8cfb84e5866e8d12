"""The noise of DP-SGD: a function of (model's seed, step), so that a resumed fit draws what it would have drawn."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from telltale.data.seeds import derive


def gaussians(shapes: Sequence[torch.Size], seeds: Sequence[int], step: int, device: torch.device) -> list[Tensor]:
    """Draw standard normal numbers for a step of each model: one tensor (models, *shape) a shape."""
    drawn = torch.empty(len(seeds), sum(shape.numel() for shape in shapes), device=device)
    for row, seed in zip(drawn, seeds, strict=True):
        row.normal_(generator=torch.Generator(device).manual_seed(derive(seed, "private noise", step)))
    parts = drawn.split([shape.numel() for shape in shapes], dim=1)
    return [part.view(len(seeds), *shape) for part, shape in zip(parts, shapes, strict=True)]
