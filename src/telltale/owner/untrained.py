"""Networks that never were trained: initial weights, and the BatchNorm statistics that records give them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.owner.frozen_features import as_model_input
from telltale.owner.preparation import training_records
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.threads import one_thread
from telltale.training.batches import make_batch
from telltale.training.objective import Objective
from telltale.training.seeding import seeded


def untrained_objective(recipe: Recipe, store: Store, records: Records, seed: int) -> tuple[Objective, int]:
    """Build an objective with initial weights and the statistics of `records`; says how many those are."""
    records = training_records(records, (), seed)
    objective = recipe.objective_for(seed)
    estimate_statistics(objective.model, as_model_input(recipe, store, records), objective.batch_size, seed)
    return objective, len(records)


@torch.no_grad()
def estimate_statistics(model: nn.Module, records: Records, batch_size: int, seed: int) -> None:
    """Set BatchNorm's running statistics to their plain average over all batches of `records`, in place."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = None  # plain average over all batches
            module.reset_running_stats()
    arrays = records.arrays()
    with seeded(derive(seed, "dropout")), one_thread():  # sums on two threads have other last digits
        for rows in np.array_split(np.arange(len(records)), max(1, len(records) // batch_size)):
            model.train()(make_batch(arrays, rows))
