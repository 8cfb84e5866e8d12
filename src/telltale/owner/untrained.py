"""Networks that never were trained: initial weights, and the BatchNorm statistics that records give them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.training.batches import make_batch
from telltale.training.seeding import seeded


@torch.no_grad()
def estimate_statistics(model: nn.Module, records: Records, batch_size: int, seed: int) -> None:
    """Set BatchNorm's running statistics to their plain average over all batches of `records`, in place."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = None  # plain average over all batches
            module.reset_running_stats()
    arrays = records.arrays()
    with seeded(derive(seed, "dropout")):
        for rows in np.array_split(np.arange(len(records)), max(1, len(records) // batch_size)):
            model.train()(make_batch(arrays, rows))
