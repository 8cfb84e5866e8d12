"""Steps of molecule encoders on a GPU, all in one or one after the other; molecules are made up, of drug-like size."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.func import functional_call, stack_module_state, vmap

if TYPE_CHECKING:
    from telltale.data.molecules.graphs import MoleculeGraphs
    from telltale.training.objective import Objective

BATCH, MOLECULES = 64, 2_048
LAYERS, WIDTH = 3, 128
SIZE, SPREAD, RINGS = 24, 6, 3  # atoms of a molecule, their standard deviation, and rings closed
KINDS = ("InfoGraph", "classification")


def made_up(molecules: int = MOLECULES, seed: int = 0) -> MoleculeGraphs:
    """Make molecules up: trees of atoms with at most three neighbours, some of them closed to rings of six."""
    from telltale.data.molecules.graphs import MoleculeGraphs

    rng = np.random.default_rng(seed)
    sizes = np.clip(rng.normal(SIZE, SPREAD, molecules).round(), 8, 60).astype(np.int64)
    ends, counts = [], []
    for size in sizes:
        pairs = {(int(rng.integers(max(0, atom - 2), atom)), atom) for atom in range(1, size)}
        pairs |= {(int(atom), int(atom) + 5) for atom in rng.choice(size - 5, RINGS, replace=False)}
        both = [end for one, other in sorted(pairs) for end in ((one, other), (other, one))]
        ends.append(np.array(both, np.int32).T)
        counts.append(len(both))
    bonds = np.stack([rng.choice(4, sum(counts), p=(0.5, 0.1, 0.01, 0.39)), np.zeros(sum(counts))], 1)
    elements = rng.choice((5, 6, 7, 8, 15, 16), int(sizes.sum()), p=(0.72, 0.12, 0.1, 0.02, 0.02, 0.02))
    atoms = np.stack([elements, np.zeros(len(elements))], 1).astype(np.uint8)
    atom_offsets, bond_offsets = (np.append(0, np.cumsum(of)).astype(np.int64) for of in (sizes, counts))
    return MoleculeGraphs(atoms, bonds.astype(np.uint8), np.concatenate(ends, 1), atom_offsets, bond_offsets)


def objective_of(kind: str, seed: int) -> Objective:
    """Build one encoder with what it is trained for."""
    from telltale.models.gin import GIN
    from telltale.objectives.classification import Classification
    from telltale.objectives.infograph import InfoGraph

    torch.manual_seed(seed)
    if kind == "InfoGraph":
        return InfoGraph(GIN(LAYERS, WIDTH), 1, BATCH, 0.001)
    return Classification(GIN(LAYERS, WIDTH), 1, BATCH, 0.05, 0.0005, classes=2)


def steps(kind: str, models: int, device: str) -> dict[str, Callable[[], None]]:
    """Return a step of all models: stacked, by a fit each, and by a plain loop whose batches lie on the device."""
    from telltale.owner.molecule_fleets import molecule_fleet
    from telltale.training.fleet.data import FleetData

    graphs, rng = made_up(), np.random.default_rng(0)
    tables = np.stack([rng.permutation(len(graphs))[: len(graphs) // 2] for _ in range(models)])
    labels = torch.arange(len(graphs)) % 2
    inputs: Any = graphs
    given: Any = labels if kind == "classification" else None
    data = FleetData(inputs, given, np.array([b"0"] * len(graphs), "S16"), tables, tuple(range(models)))
    fleet = molecule_fleet([objective_of(kind, seed) for seed in range(models)], data).to(device)
    fleet.open_records()
    stacked, places = fleet.optimizer_alone(), np.tile(np.arange(BATCH), (models, 1))

    def together() -> None:
        rows, slots, fewest = fleet.batches[0, places]
        stacked.zero_grad()
        fleet.training_step((rows.to(device), slots, fewest), 0).backward()
        stacked.step()

    def batch_of(model: int) -> Any:
        from telltale.data.molecules.batch import to_batch
        from telltale.training.batches import LabelledBatch

        rows = tables[model, :BATCH]
        batch = to_batch(graphs, rows=rows)
        return (batch if given is None else LabelledBatch(batch, labels[rows], batch.keys)).to(device)

    ready = [batch_of(model) for model in range(models)]
    return {
        "stacked": together,
        "one_by_one": _loop(kind, models, device, batch_of),
        "plain": _loop(kind, models, device, ready.__getitem__),
    }


def _loop(kind: str, models: int, device: str, batch_of: Callable[[int], Any]) -> Callable[[], None]:
    objectives = [objective_of(kind, seed).to(device) for seed in range(models)]
    optimizers = [objective.optimizer_over([*objective.parameters()]) for objective in objectives]

    def step() -> None:
        for model, (objective, optimizer) in enumerate(zip(objectives, optimizers, strict=True)):
            optimizer.zero_grad()
            objective(batch_of(model)).backward()
            optimizer.step()

    return step


def answers(models: int, device: str) -> dict[str, Callable[[], None]]:
    """Return embeddings of the same molecules by all models, in one vmapped pass and one by one."""
    from telltale.data.molecules.batch import to_batch

    encoders: list[Any] = [objective_of("InfoGraph", seed).model.to(device).eval() for seed in range(models)]
    batch = to_batch(made_up(BATCH)).to(device)
    parameters, buffers = stack_module_state(encoders)
    skeleton = copy.deepcopy(encoders[0]).to("meta")

    @torch.no_grad()
    def stacked() -> None:
        vmap(lambda *state: functional_call(skeleton, state, (batch.apart(),)))(parameters, buffers)

    @torch.no_grad()
    def one_by_one() -> None:
        for encoder in encoders:
            encoder(batch)

    return {"stacked": stacked, "one_by_one": one_by_one}


def ways() -> dict[str, Callable[[int, str], dict[str, Callable[[], None]]]]:
    """Return what is measured, by name."""
    name = f"GIN {LAYERS} × {WIDTH}"
    return {
        **{f"{name}, {kind}": partial(steps, kind) for kind in KINDS},
        f"{name}, embeddings of the same {BATCH} molecules": answers,
    }
