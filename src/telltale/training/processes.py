"""Sums and gathers over the processes of one DDP fit; with one process they do nothing."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

from telltale.models.processes import sum_over_processes, world_size

__all__ = ["gather_rows", "total_over_processes", "world_size"]


def total_over_processes(value: Tensor) -> Tensor:
    """Add a tensor up over the processes, without gradients."""
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
    sizes = torch.zeros(world_size(), dtype=torch.int64, device=rows.device)
    sizes[dist.get_rank()] = len(rows)
    dist.all_reduce(sizes)
    begin = int(sizes[: dist.get_rank()].sum())
    # each process adds its rows to zeros, so that their sum is the stack
    return sum_over_processes(nn.functional.pad(rows, (0, 0, begin, int(sizes.sum()) - begin - len(rows)))), begin
