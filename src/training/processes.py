"""Sums and gathers over the processes of one DDP fit, gradients included; with one process they do nothing."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Count the processes of this fit."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def total_over_processes(value: Tensor) -> Tensor:
    """Add a detached tensor up over the processes."""
    value = value.detach().clone()
    if world_size() > 1:
        dist.all_reduce(value)
    return value


def gather_rows(rows: Tensor) -> tuple[Tensor, int]:
    """Stack (local rows, features) of all processes in rank order; also return where this process's rows begin.

    Gradients flow back to the process that owns the row. Processes may hold different numbers of rows.
    """
    if world_size() == 1:
        return rows, 0
    from torch.distributed.nn.functional import all_gather

    counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(world_size())]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    sizes = [int(count) for count in counts]
    padded = torch.cat([rows, rows.new_zeros(max(sizes) - len(rows), *rows.shape[1:])])
    gathered = [part[:size] for part, size in zip(all_gather(padded), sizes, strict=True)]
    return torch.cat(gathered), sum(sizes[: dist.get_rank()])
