"""Small recipes and records that the tests of this room share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from telltale.data.molecules import moses
from telltale.data.molecules.records import MoleculeRecords
from telltale.owner.preparation import initial_objective, training_records
from telltale.store.store import Store
from telltale.training.batches import training_loader
from telltale.training.fit import fit
from telltale.training.objective import Objective
from telltale.training.trainer import TrainerOptions
from tests.owned import Owned

OBJECTIVES = {
    "attribute_masking": "AttributeMasking",
    "context_prediction": "ContextPrediction",
    "deep_graph_infomax": "DeepGraphInfomax",
    "edge_prediction": "EdgePrediction",
    "graphcl": "GraphCL",
    "graphmae": "GraphMAE",
    "grover": "Grover",
    "infograph": "InfoGraph",
    "mole_bert": "MoleBERT",
    "simgrace": "SimGRACE",
}
MODELS = {"gin": "GIN", "gcn": "GCN", "gat": "GAT", "graphsage": "GraphSAGE", "grover": "Grover"}
CPU = TrainerOptions(accelerator="cpu")
DDP = TrainerOptions(accelerator="cpu", devices=2, strategy="ddp")


def molecules(number: int, start: int = 0) -> MoleculeRecords:
    """Real molecules, without the second that reading all 50,000 takes."""
    import gzip
    from itertools import islice

    with gzip.open(moses.EMBEDDED, "rt") as lines:
        return MoleculeRecords.of([line.strip() for line in islice(lines, start, start + number)], "MOSES")


def model_of(name: str = "gin", **options: Any) -> dict[str, Any]:
    return {"_target_": f"telltale.models.{name}.{MODELS[name]}", "layers": 2, "width": 8, **options}


def objective_of(name: str = "attribute_masking", **options: Any) -> dict[str, Any]:
    common = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01}
    return {"_target_": f"telltale.objectives.{name}.{OBJECTIVES[name]}", **common, **options}


def recipe_in(store: Path, **changes: Any) -> Owned:
    return Owned.of(model_of(), objective_of(), CPU, Store(store)).replace(**changes)


def fitted(
    records: MoleculeRecords,
    partial: Path,
    objective: dict[str, Any],
    model: dict[str, Any] | None = None,
    options: TrainerOptions = CPU,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Objective:
    """Train without the store."""
    partial.mkdir(parents=True, exist_ok=True)
    trained = initial_objective(model or model_of(), objective, seed).to(dtype)
    kept = training_records(records, (), seed)
    fit(
        trained,
        training_loader(kept, trained.batch_size, seed, trained.targets(kept)),
        seed,
        options,
        partial,
        "a test",
    )
    return trained


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Equal bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def rows(records: MoleculeRecords) -> np.ndarray:
    return np.arange(len(records))
