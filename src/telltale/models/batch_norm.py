"""BatchNorm whose statistics are those of the global batch, on any number of CPU or GPU processes."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

from telltale.data.molecules.alike import Layer
from telltale.models.alike_states import batch_normalised
from telltale.models.processes import sum_over_processes, world_size


class GlobalBatchNorm(nn.BatchNorm1d):
    """BatchNorm over (rows, features); under DDP, sums are added up over the processes, gradients included.

    torch's SyncBatchNorm wants GPUs; this one gives the single process's statistics with gloo too, so that a
    model does not depend on how many processes trained it. One process runs torch's own kernel. Fewer than two
    rows have no variance: they are normalised with the running statistics and leave these as they are.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (rows, features)."""
        if not self.training or world_size() == 1:
            return super().forward(input) if len(input) > 1 or not self.training else self._with_running(input)
        number = torch.tensor(len(input), dtype=self.weight.dtype, device=input.device)
        dist.all_reduce(number)
        if number < 2:
            return self._with_running(input)
        # in two passes: E[x^2] - E[x]^2 cancels where the mean is large beside the deviation
        values = input.to(self.weight.dtype)
        mean = sum_over_processes(values.sum(0)) / number
        centred = values - mean
        variance = sum_over_processes(centred.square().sum(0)) / number
        self.track(mean.detach(), variance.detach() * number / (number - 1))
        return (centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias).to(input.dtype)

    def _with_running(self, input: Tensor) -> Tensor:
        return nn.functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )

    def of_states(self, states: Tensor, layer: Layer, relu: bool) -> Tensor:
        """Normalise (states, features) over all atoms, each state as often as it has copies; then ReLU, if asked for.

        In one process.
        """
        if self.training and len(layer.place) > 1:
            return batch_normalised(states, layer, self, relu)
        normal = self(states) if not self.training else self._with_running(states)
        return normal.relu() if relu else normal

    @torch.no_grad()
    def track(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of a batch."""
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
