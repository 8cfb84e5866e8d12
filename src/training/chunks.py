"""How many models are trained at once, and which way: sized to memory, decided by a short probe."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from src.training.fleet import WAYS, Fleet, FleetData
from src.training.objective import Objective
from src.training.preparation import seeded

CPU_BUDGET = 2**30  # bytes; larger chunks gain nothing on CPUs, and the test of peak memory counts on it
GPU_SHARE = 0.4  # of all memory: what is free changes from start to start, and chunks should not
PROBED = 4  # models, enough to see which way is faster
FEWEST_TURNS, MOST_TURNS = 2, 40
PROBE_SHARE = 0.01  # of the time that the fit will take


def chunk_size(objective: Objective, data: FleetData, device: str) -> int:
    """Return how many models fit into the memory budget: weights, gradients, optimiser state and activations."""
    parameters = sum(parameter.numel() * parameter.element_size() for parameter in objective.parameters())
    need = 4 * parameters + 2 * _saved_bytes(objective, data)
    need += objective.private.extra_bytes(objective) if objective.private else 0
    budget = CPU_BUDGET if device == "cpu" else int(GPU_SHARE * torch.cuda.mem_get_info()[1])
    return max(1, budget // max(1, need))


def probe(objectives: Sequence[Objective], data: FleetData, device: str) -> tuple[str, float]:
    """Time both ways of a step on the first models; return the faster one and how many times faster it is.

    The ways take turns and the fastest step of each counts, so that other work on the machine disturbs neither.
    """
    first = objectives[0]
    steps_ahead = first.epochs * max(1, round(data.tables.shape[1] / first.batch_size))
    few = range(min(PROBED, len(objectives)))
    steps = {way: _step(Fleet([objectives[k] for k in few], data.part(few), way).to(device), device) for way in WAYS}
    seconds = dict.fromkeys(WAYS, float("inf"))
    began = time.perf_counter()
    with seeded(0):
        for turn in range(MOST_TURNS):
            ahead = steps_ahead * min(seconds.values()) * len(objectives) / len(few)
            if turn > FEWEST_TURNS and time.perf_counter() - began > PROBE_SHARE * ahead:
                break
            for way, step in steps.items():
                taken = _seconds(step)
                seconds[way] = min(seconds[way], taken) if turn else float("inf")  # the first warms up
    best, other = sorted(seconds, key=seconds.__getitem__)
    return best, seconds[other] / seconds[best]


def _step(fleet: Fleet, device: str) -> Callable[[], None]:
    """Return a training step on each model's first batch."""
    if fleet.private:
        fleet.private.begin_as_planned(fleet)
    optimizer, batch = fleet.optimizer_alone(), fleet.first_batch()

    def step() -> None:
        optimizer.zero_grad()
        fleet.training_step(batch, 0).backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return step


def _seconds(step: Callable[[], None]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _saved_bytes(objective: Objective, data: FleetData) -> int:
    """Count what autograd keeps for one model's batch."""
    total = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal total
        total += tensor.numel() * tensor.element_size()
        return tensor

    fleet = Fleet([objective], data.part([0]), "one by one")
    rows = torch.from_numpy(data.tables[:1, : objective.batch_size].clip(0))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), seeded(0):
        fleet.losses(data.inputs[rows], data.labels[rows], torch.zeros_like(rows))
    return total
