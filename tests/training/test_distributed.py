"""Several processes give the single process's model for the same global batch: gradients, statistics, weights."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor

from telltale.data.molecules.records import MoleculeRecords
from telltale.owner.defense import Defense
from telltale.owner.preparation import initial_objective
from telltale.training.batches import GlobalBatches, RecordDataset
from telltale.training.processes import gather_rows
from tests.training.small import DDP, MODELS, OBJECTIVES, fitted, model_of, molecules, objective_of, recipe_in, rows

# what the global batch holds; the processes get 6 and 5, or 1 and 0 molecules, or one without any context
BATCHES = {
    "ragged": molecules(11).smiles,
    "empty share": ["CC(=O)Nc1ccc(O)cc1"],
    "no context": [*molecules(3).smiles, "C"],
}
CASES = [
    *((name, "gin", batch) for name in OBJECTIVES for batch in BATCHES),
    *(("attribute_masking", model, "ragged") for model in MODELS if model != "gin"),
]


def gradients(name: str, model: str, smiles: list[str], rank: int = 0, processes: int = 1) -> dict[str, Tensor]:
    """One training step's gradients, averaged over processes as DDP does, and the BatchNorm buffers after it."""
    records = MoleculeRecords.of(list(smiles), "test")
    share = np.array_split(rows(records), processes)[rank]
    objective = initial_objective(model_of(model), objective_of(name), 0).double()
    torch.manual_seed(rank)  # as each step of a fit begins: what a model draws is not that of another process
    objective.training_step(RecordDataset(records, 0, objective.targets(records))[0, share], 0).backward()
    found = {key: value.clone() for key, value in objective.named_buffers()}
    for key, parameter in objective.named_parameters():
        found[key] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        if processes > 1:
            dist.all_reduce(found[key])
            found[key] /= processes
    return found


def take_part(rank: int, folder: str) -> None:
    """One of two processes; the first writes every case's gradients down."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    for place, (name, model, batch) in enumerate(CASES):
        found = gradients(name, model, BATCHES[batch], rank, 2)
        if rank == 0:
            save_file(found, Path(folder) / f"{place}.safetensors")
    gathered, begin = gather_rows(torch.full((3 * rank, 2), float(rank + 1), requires_grad=True))
    assert gathered.tolist() == [[2.0, 2.0]] * 3 and begin == 0
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gradients")
    torch.multiprocessing.spawn(take_part, (str(folder),), nprocs=2)
    return folder


@pytest.mark.parametrize(("name", "model", "batch"), CASES)
def test_two_processes_have_the_gradient_of_one(shared: Path, name: str, model: str, batch: str) -> None:
    """Catches means of unequal shares, negatives of the own share only, gathers that lose gradients, deadlocks."""
    expected = gradients(name, model, BATCHES[batch])
    found = load_file(shared / f"{CASES.index((name, model, batch))}.safetensors")
    for key, value in expected.items():
        assert torch.allclose(found[key], value, rtol=1e-6, atol=1e-9), key


@pytest.mark.parametrize(("records", "batch_size"), [(10, 4), (11, 4), (3, 8), (100, 7), (1, 1)])
def test_the_shares_make_up_the_global_batch(records: int, batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches records trained twice or never, and a batch that grows with the number of processes."""

    def shares(processes: int) -> list[list[np.ndarray]]:
        monkeypatch.setattr("telltale.training.batches.world_size", lambda: processes)
        found = []
        for rank in range(processes):
            monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
            sampler = GlobalBatches(records, batch_size, seed=0)
            sampler.set_epoch(3)
            found.append([share for _, share in sampler])
        return found

    (alone,) = shares(1)
    assert sorted(np.concatenate(alone)) == list(range(records))
    assert max(map(len, alone)) - min(map(len, alone)) <= 1 and max(map(len, alone)) <= 1.5 * batch_size
    for together in zip(*shares(3), strict=True):
        assert np.concatenate(together).tolist() in [batch.tolist() for batch in alone]


@dataclass(frozen=True)
class Witness(Defense):
    """Writes down what each process sees, and changes nothing."""

    folder: str
    stage = "training"

    def loss(self, objective: Any, batch: Any, loss: Tensor) -> Tensor:
        import sys

        wandb = sys.modules.get("wandb")
        seen = f"{torch.get_num_threads()} {getattr(wandb, 'run', None)}"
        Path(self.folder, f"{os.getpid()}").write_text(seen)
        return loss


def close(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.allclose(one[key].double(), other[key].double(), rtol=1e-4, atol=1e-5) for key in one)


@pytest.mark.parametrize(
    "name", [name if name == "attribute_masking" else pytest.param(name, marks=pytest.mark.slow) for name in OBJECTIVES]
)
def test_ddp_gives_the_weights_of_one_process(name: str, tmp_path: Path) -> None:
    """Catches weights that stay in the workers, an epoch's order that differs, buffers that drift.

    In float64: in float32, Adam blows the rounding of gradients that are truly zero (a bias before BatchNorm) up to
    whole steps, so that such weights are noise on any hardware.
    """
    records, settings = molecules(45), objective_of(name, epochs=3, batch_size=11)
    alone = fitted(records, tmp_path / "one", settings, dtype=torch.float64)
    together = fitted(records, tmp_path / "two", settings, options=DDP, dtype=torch.float64)
    before = initial_objective(model_of(), settings, 0).double()
    assert close(alone.state_dict(), together.state_dict())
    assert not close(alone.state_dict(), before.state_dict())
    curves = [np.loadtxt(tmp_path / folder / "curve.csv", delimiter=",") for folder in ("one", "two")]
    assert curves[1][:, 0].tolist() == [1, 2, 3]  # written once, not once a process
    assert np.allclose(*curves, rtol=1e-6)


def test_a_recipe_trained_by_ddp_is_found_again_by_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches worker processes that start a logger or all cores each, leftovers, and a key that counts processes."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # as for a user: the workers share the cores out
    seen = tmp_path / "seen"
    seen.mkdir()
    recipe = recipe_in(tmp_path / "store", defenses=(Witness(str(seen)),))
    records = molecules(16)
    together = recipe.replace(trainer=DDP).train(records, rows(records), 0)
    alone = recipe.train(records, rows(records), 0)
    assert together.key == alone.key  # nothing was trained for `alone`
    files = sorted(file.name for file in (tmp_path / "store" / "release" / alone.key).iterdir())
    assert files == ["curve.csv", "digests", "entry.json", "weights.digest", "weights.safetensors"]
    assert list((tmp_path / "store" / ".partial").iterdir()) == []
    assert "MASTER_PORT" not in os.environ
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert [file.read_text() for file in seen.iterdir()] == [f"{max(1, cores // 2)} None"] * 2


@pytest.mark.slow
def test_a_fit_by_two_processes_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """Catches a checkpoint that only some processes load."""
    records, long = molecules(30), objective_of(epochs=4, batch_size=10)
    whole = fitted(records, tmp_path / "whole", long, options=DDP, dtype=torch.float64)
    fitted(records, tmp_path / "parts", objective_of(epochs=2, batch_size=10), options=DDP, dtype=torch.float64)
    parts = fitted(records, tmp_path / "parts", long, options=DDP, dtype=torch.float64)
    assert close(whole.state_dict(), parts.state_dict())
