"""A fleet of molecule encoders is its single runs: the same losses and weights, whichever encoder and objective."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor

from telltale.data.molecules.batch import to_batch
from telltale.data.molecules.graphs import MoleculeGraphs, featurise
from telltale.data.molecules.records import MoleculeRecords
from telltale.objectives.classification import Classification
from telltale.objectives.infograph import InfoGraph
from telltale.owner.executor import Local
from telltale.owner.molecule_fleets import molecule_fleet
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.batches import LabelledBatch
from telltale.training.fleet.data import FleetData, batches_of, order_of
from telltale.training.objective import Objective
from telltale.training.trainer import TrainerOptions
from tests.owned import Owned
from tests.training.small import CPU, MODELS, OBJECTIVES, model_of, molecules, objective_of

POOL = MoleculeRecords.of([*molecules(40).smiles, "C", "[Na+].[Cl-]", "C[C@H](N)C(=O)O", "C/C=C\\C"], "a test")
GRAPHS = featurise(list(POOL.smiles), workers=1)
LABELS = torch.arange(len(POOL)) % 2
TABLES = np.stack([np.random.default_rng(k).permutation(len(POOL))[:26] for k in range(3)])
BATCH = 8
STACKED = ("gin", "gcn", "gat", "graphsage")
READ_OUT = {"norm": "layer", "pooling": "sum", "jumping_knowledge": "max"}
CLASSES = {"_target_": "telltale.objectives.classification.Classification", "epochs": 2, "batch_size": 8, "classes": 2}


def objective_for(kind: type[Objective], model: dict[str, Any], seed: int) -> Any:
    torch.manual_seed(seed)
    # by SGD: Adam divides the rounding of a gradient that is 0, as of a bias before a BatchNorm, by its own size
    options = {"weight_decay": 0.01, "classes": 2} if kind is Classification else {}
    return kind(instantiate(model), 2, BATCH, learning_rate=0.01, **options).double().train()


def single_runs(kind: type[Objective], model: dict[str, Any], graphs: MoleculeGraphs, tables: np.ndarray) -> list[Any]:
    """Train each model alone for two epochs: its objective and the sum of its losses."""
    objectives = [objective_for(kind, model, seed) for seed in range(len(tables))]
    for seed, objective in enumerate(objectives):
        optimizer, losses = objective.optimizer_over([*objective.parameters()]), []
        for epoch in range(2):
            rows = tables[seed][order_of(seed, epoch, len(tables[seed]))]
            for places in np.array_split(rows, batches_of(len(rows), BATCH)):
                batch: Any = to_batch(graphs, rows=places).apart()
                if kind is Classification:
                    batch = LabelledBatch(batch, LABELS[places], batch.keys)
                optimizer.zero_grad()
                loss = objective(batch)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        objective.total = sum(losses)
    return objectives


def together(
    kind: type[Objective], model: dict[str, Any], graphs: MoleculeGraphs, tables: np.ndarray
) -> tuple[Any, float]:
    """Train all models in one step each time: the fleet, and the sum of all losses."""
    inputs: Any = graphs
    labels: Any = LABELS if kind is Classification else None
    seeds = tuple(range(len(tables)))
    data = FleetData(inputs, labels, np.array([b"a"] * len(graphs)), tables, seeds)
    fleet = molecule_fleet([objective_for(kind, model, seed) for seed in seeds], data)
    fleet.begin_fit()
    optimizer, total = fleet.optimizer_alone(), 0.0
    loader: Any = fleet.loader()
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            loss = fleet.training_step(batch, 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
    return fleet, total


def assert_equal(
    kind: type[Objective], model: dict[str, Any], graphs: MoleculeGraphs = GRAPHS, tables: np.ndarray = TABLES
) -> None:
    fleet, total = together(kind, model, graphs, tables)
    singles = single_runs(kind, model, graphs, tables)
    assert total == pytest.approx(sum(objective.total for objective in singles), rel=1e-9)
    for place, objective in enumerate(singles):
        state: dict[str, Tensor] = objective.state_dict()
        assert fleet.state_of(place).keys() == state.keys()
        for name, tensor in fleet.state_of(place).items():
            torch.testing.assert_close(tensor, state[name], rtol=1e-6, atol=1e-7, msg=name)


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        *((kind, name, {}) for kind in (InfoGraph, Classification) for name in STACKED),
        (InfoGraph, "gin", READ_OUT),
        (Classification, "gat", READ_OUT),
        (Classification, "gin", {"jumping_knowledge": "concat"}),
        (InfoGraph, "gcn", {"jumping_knowledge": "sum"}),
    ],
)
def test_a_fleet_of_molecules_equals_its_single_runs(kind: type[Objective], name: str, options: dict[str, Any]) -> None:
    """Catches statistics, sums or pairs that see what is nobody's, another model's atoms or order, a lost gradient."""
    assert_equal(kind, model_of(name, **options))


@pytest.mark.parametrize("name", STACKED)
def test_a_model_with_one_atom_keeps_its_statistics(name: str) -> None:
    """Catches a variance of nothing, which is 0, beside models that have one."""
    graphs = featurise(["C", "CCO"], workers=1)
    assert_equal(Classification, model_of(name), graphs, np.array([[0], [1]]))


def trained(
    folder: Path, way: str, objective: dict[str, Any], records: MoleculeRecords, trainer: TrainerOptions = CPU
) -> list[Release]:
    recipe = Owned.of(model_of(norm="layer"), objective, trainer, Store(folder), executor=Local(way=way))
    return recipe.train_many(records, np.stack([np.isin(np.arange(len(POOL)), table) for table in TABLES]), range(3))


@pytest.mark.parametrize("kind", ["infograph", "classification"])
def test_an_owner_stacks_molecules_where_asked(kind: str, tmp_path: Path) -> None:
    """Catches a way that is left out of the key, records of another order, and a fleet that is not taken at all."""
    labelled = MoleculeRecords(POOL.smiles, "a test", labels=LABELS.numpy(), classes=("a", "b"))
    objective = (
        CLASSES | {"learning_rate": 0.05} if kind == "classification" else objective_of(kind, learning_rate=1e-3)
    )
    alone, stacked = (trained(tmp_path, way, objective, labelled) for way in ("auto", "stacked"))
    for one, other in zip(alone, stacked, strict=True):
        assert one.key != other.key
        np.testing.assert_allclose(one.embeddings(labelled), other.embeddings(labelled), rtol=0, atol=1e-4)
    recorded = [folder for folder in (tmp_path / "company").iterdir() if folder.is_dir()]
    assert len(recorded) == 1  # one fleet, and no note of models that were trained alone


def test_lightning_takes_the_steps_of_a_fleet(tmp_path: Path) -> None:
    """Catches what only Lightning's trainer asks of a fleet, as on a GPU: without one, nothing else goes there."""
    lightning = TrainerOptions(accelerator="cpu", profiler="simple")
    fleets = [
        trained(tmp_path / str(place), "stacked", objective_of("infograph"), POOL, trainer)
        for place, trainer in enumerate((CPU, lightning))
    ]
    for one, other in zip(*fleets, strict=True):
        assert one.key == other.key and np.array_equal(one.embeddings(POOL), other.embeddings(POOL))


@pytest.mark.parametrize(
    ("model", "objective", "device", "asked", "way"),
    [
        ({}, "infograph", "cpu", "auto", "alone"),
        ({}, "infograph", "cpu", "stacked", "stacked"),
        ({}, "infograph", "cuda", "auto", "stacked"),
        ({}, "infograph", "cuda", "one_by_one", "alone"),
        ({"dropout": 0.5}, "infograph", "cuda", "auto", "alone"),
        *(({"name": name}, "infograph", "cuda", "auto", "alone") for name in MODELS if name not in STACKED),
        *(({}, name, "cuda", "auto", "alone") for name in OBJECTIVES if name != "infograph"),
    ],
)
def test_objective_and_device_decide_the_way_of_molecules(
    model: dict[str, Any],
    objective: str,
    device: str,
    asked: str,
    way: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches a CPU that gives up atoms that look alike, and an objective trained by the loss of another."""
    monkeypatch.setattr(TrainerOptions, "device_type", device)
    recipe = Owned.of(model_of(**model), objective_of(objective), CPU, Store(tmp_path))
    assert recipe.way(3, asked) == way
