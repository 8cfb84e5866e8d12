"""BatchNorm whose statistics are those of the global batch, on any number of CPU or GPU processes."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn


class GlobalBatchNorm(nn.BatchNorm1d):
    """BatchNorm over (rows, features); under DDP, sums are added up over the processes, gradients included.

    torch's SyncBatchNorm wants GPUs; this one gives the single process's statistics with gloo too, so that a
    model does not depend on how many processes trained it. One process runs torch's own kernel.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (rows, features)."""
        if not (self.training and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(input)
        from torch.distributed.nn.functional import all_reduce

        local = torch.cat([input.sum(0), input.square().sum(0), input.new_full((1,), len(input))])
        total = all_reduce(local)
        rows = total[-1]
        mean, square = (total[:-1] / rows).chunk(2)
        variance = (square - mean.square()).clamp_min(0.0)
        self._track(mean.detach(), variance.detach() * rows.detach() / (rows.detach() - 1).clamp_min(1))
        return (input - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
