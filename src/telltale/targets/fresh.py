"""Is a network that was built anew an untrained one, and what its BatchNorm would have seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def is_fresh(first: nn.Module, second: nn.Module, trained: nn.Module) -> bool:
    """Tell whether two networks of one class hold weights that were drawn anew, and none of the trained one's.

    Vectors may be equal in all of them: biases begin at zero, and scales at one.
    """
    one, other, known = (dict(network.named_parameters()) for network in (first, second, trained))
    tables = [name for name, weight in one.items() if weight.ndim > 1]
    drawn = any(not torch.equal(weight, other[name]) for name, weight in one.items())
    return drawn and not any(name in known and torch.equal(one[name], known[name]) for name in tables)


def average_statistics(network: nn.Module, answer: Callable[[nn.Module], Any]) -> None:
    """Set BatchNorm's running statistics to their plain mean over the batches that `answer` asks about, in place."""
    for part in network.modules():
        if isinstance(part, _BatchNorm):
            part.momentum = None  # a plain mean
            part.reset_running_stats()
    answer(network.train())
    network.eval()
