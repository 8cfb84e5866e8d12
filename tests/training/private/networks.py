"""Small networks with a batch each, that the tests of private training share."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from telltale.data.images import digits
from telltale.data.images.records import ImageRecords
from telltale.data.molecules import b3db
from telltale.data.molecules.records import MoleculeRecords
from telltale.owner.preparation import initial_objective
from telltale.training.batches import LabelledBatch, RecordDataset

PICTURES: ImageRecords = digits.load().records.take(np.arange(400))
MODELS: dict[str, dict[str, Any]] = {
    "linear": {"_target_": "telltale.models.linear.Linear", "shape": PICTURES.shape},
    "mlp": {"_target_": "telltale.models.mlp.MLP", "widths": [24, 16], "activation": "tanh", "shape": PICTURES.shape},
    "cnn": {"_target_": "telltale.models.cnn.CNN", "channels": [4, 8], "width": 16, "shape": PICTURES.shape},
    "cnn, group": {
        "_target_": "telltale.models.cnn.CNN",
        "channels": [4, 8],
        "width": 16,
        "norm": "group",
        "shape": PICTURES.shape,
    },
    "resnet": {"_target_": "telltale.models.resnet.ResNet", "depth": 8, "norm": "group", "shape": PICTURES.shape},
}
ENCODERS = {"gin": "GIN", "gcn": "GCN", "gat": "GAT", "graphsage": "GraphSAGE"}
for name, kind in ENCODERS.items():
    MODELS[name] = {"_target_": f"telltale.models.{name}.{kind}", "layers": 2, "width": 8, "norm": "layer"}


@cache
def molecules() -> MoleculeRecords:
    return b3db.load(cache="outputs/cache/molecules").records.take(np.arange(60))


def records_for(model: str) -> Any:
    return molecules() if model in ENCODERS else PICTURES


def objective_of(model: str, seed: int = 0, **options: Any) -> Any:
    settings = {"_target_": "telltale.objectives.classification.Classification", "classes": 10, "epochs": 2}
    settings |= {"batch_size": 32, "learning_rate": 0.05, **options}
    return initial_objective(MODELS[model], settings, seed)


def batch_of(model: str, number: int = 12) -> LabelledBatch:
    batch: LabelledBatch = RecordDataset(records_for(model), 0, records_for(model).labels)[0, np.arange(number)]
    return batch


def flat(tensors: Any) -> torch.Tensor:
    return torch.cat([one.detach().flatten() for one in tensors])
