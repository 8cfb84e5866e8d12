"""How many models a fleet has, by memory, and how it takes a step, by its layers and the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.conv import _ConvNd

from telltale.models.text_backbone import TextBackbone
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.fleet import Fleet
from telltale.training.fleet.linear import products_here
from telltale.training.fleet.molecules import MoleculeFleet
from telltale.training.objective import Objective
from telltale.training.seeding import seeded

CPU_BUDGET = 2**30  # bytes; larger chunks gain nothing on CPUs, and the test of peak memory counts on it
TURN_BUDGET = 2**28  # bytes of models trained in turn: more gains nothing, and two chunks meet in memory
LEAST_TURNS = 16  # of these nevertheless, where CPU_BUDGET holds them: every core has some
TURNS = ("linear_torch", "linear_numpy", "in_turn")  # ways of models that are trained in turn, for an epoch each
GPU_SHARE = 0.4  # of all memory: what is free changes from start to start, and chunks should not


def chunk_size(
    objective: Objective, data: FleetData, device: str, way: str, molecules: MoleculeFleet | None = None
) -> int:
    """Return how many models fit into the memory budget: weights, gradients, optimiser state and activations.

    Where they are trained in turn, no model's digits depend on how many there are. molecules: a fleet of the objective
    alone, where it is of molecules.
    """
    parameters = sum(parameter.numel() * parameter.element_size() for parameter in objective.parameters())
    need = 4 * parameters + 2 * (_saved_of_molecules(molecules) if molecules else _saved_bytes(objective, data))
    need += _begun_bytes(objective, data.inputs, data.tables.shape[1]) if way == "in_turn" else 0
    need += objective.private.extra_bytes(objective) if objective.private else 0
    budget = CPU_BUDGET if device == "cpu" else int(GPU_SHARE * torch.cuda.mem_get_info()[1])
    fitting = max(1, budget // max(1, need))
    return min(fitting, max(LEAST_TURNS, TURN_BUDGET // max(1, need))) if way in TURNS else fitting


def way_of(objective: Objective, device: str, way: str = "auto", turns: bool = True) -> str:
    """Choose how a fleet of such models is trained, one of `WAYS` or `TURNS`, by its layers and the device alone.

    One vmapped step is faster wherever it is one batched product: everywhere on GPUs, and on CPUs but for
    convolutions, transformers of texts and where all layers are linear, which a CPU does faster in turn
    (docs/benchmarks.md). way: the option; "auto" stands for this rule; turns: whether the fit lets models be trained
    for an epoch each, without a Trainer.
    """
    if way != "auto":
        return way
    in_turn = any(isinstance(module, _ConvNd | TextBackbone) for module in objective.modules())
    if device != "cpu":
        return "stacked"
    if turns and not (objective.private or objective.loss_code or objective.validates):
        if objective.linear_stack():
            return f"linear_{products_here()}"
        if in_turn:
            return "in_turn"
    return "one_by_one" if in_turn else "stacked"


def trained_part(objective: Any) -> Any:
    """Return what a fleet trains of an objective: on fixed features the head."""
    return objective.on_features() if objective.features_are_fixed else objective


def _saved_bytes(objective: Objective, data: FleetData) -> int:
    """Count what autograd keeps for one model's batch."""
    fleet = Fleet([objective], data.part([0]), "one_by_one")
    rows = torch.from_numpy(data.tables[:1, : objective.batch_size].clip(0))
    with _saved() as total, seeded(0):
        fleet.losses(data.inputs[rows], data.labels[rows], torch.zeros_like(rows))
    return sum(total)


def begun_of(objective: Objective, inputs: Tensor) -> Any:
    """Compute what training does not change of a model's records; None = nothing, or more than memory is for."""
    return objective.begun(inputs) if _begun_bytes(objective, inputs, len(inputs)) else None


def _begun_bytes(objective: Objective, inputs: Tensor, records: int) -> int:
    """Count what is kept of one model's records from one epoch to the next, 0 where it is computed anew in each."""
    begun = objective.begun(inputs[:1])
    need = 0 if begun is None else records * int(begun.states.nbytes)
    return need if need <= CPU_BUDGET else 0


def _saved_of_molecules(fleet: MoleculeFleet) -> int:
    """Count what autograd keeps for one model's batch of molecules."""
    batch = fleet.first_batch()
    with _saved() as total:
        fleet.training_step(batch, 0)
    return sum(total)


@contextmanager
def _saved() -> Iterator[list[int]]:
    """Write the bytes of each tensor down that autograd keeps inside."""
    kept: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield kept
