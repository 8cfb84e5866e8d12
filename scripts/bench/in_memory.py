"""Shadow models the way a clever user would train them: records in memory, fused optimisers, joblib, compiled, JAX.

    python -m scripts.bench --only in_memory

Every way trains the network of `purchases` on the same batches; compilations are not in a step's time, but told.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from scripts.bench import jax_process, purchases
from scripts.bench.purchases import BATCH, DECAY, GROUPS, MEMBERS, MOMENTUM, PRODUCTS, RATE, WIDTH
from telltale.owner.owner import Owner
from telltale.store import store
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.linear import LinearFleet, products_here

STEPS = MEMBERS // BATCH  # all batches are of one length, as JAX's scan needs them


class Trained(NamedTuple):
    """What a way took: seconds of the wall and of this process's CPUs, and logits of each model on test records."""

    wall: float
    cpu: float
    logits: np.ndarray
    compiling: float = 0.0


class Task(NamedTuple):
    """Records, how many models, for how many epochs, on how many cores."""

    pool: Any
    test: Any
    models: int
    epochs: int
    cores: int

    @property
    def data(self) -> FleetData:
        """Return the records as a fleet has them."""
        tables = np.stack([np.flatnonzero(row) for row in rows_of(self.models)])
        inputs, labels = torch.from_numpy(self.pool.features), torch.from_numpy(self.pool.labels)
        return FleetData(inputs, labels, self.pool.fingerprints(), tables, tuple(range(self.models)))

    def batches(self, model: int) -> Iterator[torch.Tensor]:
        """Serve a model's rows."""
        rows = np.flatnonzero(rows_of(model + 1)[model])
        for epoch in range(self.epochs):
            order = torch.from_numpy(rows[np.random.default_rng([model, epoch]).permutation(len(rows))])
            yield from order.tensor_split(STEPS)


def rows_of(models: int) -> np.ndarray:
    """Draw each model's members: (models, records) bool."""
    return np.stack([np.random.default_rng(k).permutation(purchases.POOL) < STEPS * BATCH for k in range(models)])


def task_of(models: int, epochs: int, cores: int) -> Task:
    """Return a task on records made up anew."""
    return Task(*purchases.made_up(), models, epochs, cores)


def whole(task: Task) -> Trained:
    """Train by `train_many`, what the store writes counted apart (see `store_seconds`)."""
    recipe = purchases.our_recipe()
    recipe = replace(recipe, objective={**recipe.objective, "epochs": task.epochs})
    rows = rows_of(task.models)
    with tempfile.TemporaryDirectory() as folder, store_seconds() as spent:
        owner = Owner(store.Store(Path(folder)))
        wall, cpu, releases = timed(lambda: owner.train_many(recipe, task.pool, rows, list(range(task.models))))
        return Trained(wall - spent[0], cpu - spent[1], np.stack([one.probabilities(task.test) for one in releases]))


@contextmanager
def store_seconds() -> Iterator[list[float]]:
    """Add up the seconds, of the wall and the CPUs, that the store takes to write down what is trained."""
    spent, add = [0.0, 0.0], store.Store.add

    def noted(*arguments: Any, **options: Any) -> Any:
        wall, cpu, path = timed(lambda: add(*arguments, **options))
        spent[0], spent[1] = spent[0] + wall, spent[1] + cpu
        return path

    store.Store.add = noted  # type: ignore[method-assign]
    try:
        yield spent
    finally:
        store.Store.add = add  # type: ignore[method-assign]


def bare(task: Task) -> Trained:
    """Take the steps of a fleet by rule, and nothing else."""
    recipe = purchases.our_recipe()
    fleet = LinearFleet([recipe.objective_for(k) for k in range(task.models)], task.data, products_here())
    rooms = [fleet.room() for _ in range(task.cores)]

    def share(worker: int) -> None:
        for epoch in range(task.epochs):
            for model in range(worker, task.models, task.cores):
                fleet.epoch(model, epoch, rooms[worker])

    wall, cpu, _ = timed(lambda: _on_threads(share, task.cores))
    answers = []
    for model in range(task.models):
        network = recipe.objective_for(0)
        network.load_state_dict(fleet.state_of(model))
        answers.append(_answers(network.model, task))
    return Trained(wall, cpu, np.stack(answers))


def loop(task: Task, fused: bool = False) -> Trained:
    """Train by a plain loop over records in memory."""
    return _looped(task, fused)


def fused_loop(task: Task) -> Trained:
    """Train by the same loop with a fused optimiser."""
    return loop(task, fused=True)


def joblib_loops(task: Task) -> Trained:
    """Train by fused loops, one joblib worker a core, its processes started before."""
    from joblib import Parallel, delayed

    with Parallel(task.cores) as parallel:
        parallel(delayed(_warm)() for _ in range(task.cores))
        parts = np.array_split(np.arange(task.models), task.cores)
        wall, _, answers = timed(lambda: parallel(delayed(_some)(task, part.tolist()) for part in parts))
    return Trained(wall, float("nan"), np.concatenate(answers))


def compiled_loop(task: Task) -> Trained:
    """Train by the fused loop with the network and its loss compiled by torch."""
    began = time.perf_counter()
    losses = torch.compile(lambda network, inputs, labels: cross_entropy(network(inputs), labels))
    network, inputs = _network(0)[0], torch.from_numpy(task.pool.features)
    for size in (BATCH, BATCH + 1):
        losses(network, inputs[:size], torch.zeros(size, dtype=torch.long)).backward()
    compiling = time.perf_counter() - began
    return _looped(task, True, losses)._replace(compiling=compiling)


def jax_in_turn(task: Task) -> Trained:
    """Train by JAX, `jit(map(scan))`: one model after another."""
    return Trained(*jax_process.train(task, stacked=False))


def jax_stacked(task: Task) -> Trained:
    """Train by JAX, `jit(scan(vmap))`: all models in one step."""
    return Trained(*jax_process.train(task, stacked=True))


WAYS: dict[str, tuple[Callable[[Task], Trained], bool]] = {  # and whether few models are enough to time it
    "ours, bare step": (bare, False),
    "ours, `train_many` less the store's writing": (whole, False),
    "PyTorch loop, records in memory": (loop, True),
    "the same, fused optimiser": (fused_loop, True),
    "the same in joblib, a worker a core": (joblib_loops, True),
    "the same, `torch.compile`": (compiled_loop, True),
    "JAX, `jit(map(scan))`": (jax_in_turn, False),
    "JAX, `jit(scan(vmap))`": (jax_stacked, False),
}


def available(name: str) -> str:
    """Say why a way cannot be measured here, "" where it can."""
    if name.startswith("JAX"):
        return "" if jax_process.python() else "not installed"
    if "joblib" in name:
        return "" if find_spec("joblib") else "not installed"
    return ""


def measure(models: int, peers: int, epochs: int, repeats: int, cores: int) -> dict[str, dict[str, Any]]:
    """Time all ways in turn: milliseconds a model-step by wall and CPU, ratios to the bare step, accuracy."""
    pool, test = purchases.made_up()
    taken: dict[str, list[Trained]] = {name: [] for name in WAYS if not available(name)}
    tasks = {few: Task(pool, test, peers if few else models, epochs, cores) for few in (True, False)}
    failed: dict[str, str] = {name: why for name in WAYS if (why := available(name))}
    whole(Task(pool, test, 2, 1, cores))  # libraries are loaded
    for _ in range(repeats):
        for name in [name for name in taken if name not in failed]:
            train, few = WAYS[name]
            try:
                taken[name].append(train(tasks[few]))
            except Exception as error:  # a compiler that is not there, mostly
                failed[name] = f"does not run here: {type(error).__name__}"
    each = {name: np.array([run[:2] for run in runs]) for name, runs in taken.items() if name not in failed}
    for name in each:
        each[name] *= 1000 / (tasks[WAYS[name][1]].models * STEPS * epochs)
    first = each["ours, bare step"]
    rows: dict[str, dict[str, Any]] = {name: {"why": why} for name, why in failed.items()}
    for name, milliseconds in each.items():
        accuracy = (taken[name][-1].logits.argmax(2) == test.labels).mean()
        wall, cpu = np.median(milliseconds, 0)
        ratio, cpu_ratio = np.median(milliseconds / first, 0)
        rows[name] = {"wall": wall, "cpu": cpu, "ratio": ratio, "cpu_ratio": cpu_ratio, "accuracy": float(accuracy)}
        rows[name]["compiling"] = taken[name][0].compiling
    return {name: rows[name] for name in WAYS}


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the seconds of wall and CPUs that work takes, and what it returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    return time.perf_counter() - wall, time.process_time() - cpu, done


def _on_threads(share: Callable[[int], None], cores: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(share, range(cores)))
    torch.set_num_threads(before)


def _network(model: int) -> tuple[nn.Module, Any]:
    torch.manual_seed(model)
    network = nn.Sequential(nn.Linear(PRODUCTS, WIDTH), nn.ReLU(), nn.Linear(WIDTH, GROUPS))
    return network, {"lr": RATE, "momentum": MOMENTUM, "weight_decay": DECAY}


def _looped(
    task: Task, fused: bool, losses: Callable[..., Any] | None = None, models: list[int] | None = None
) -> Trained:
    """Train models by loops; losses(network, inputs, labels) -> loss, else the plain one."""
    inputs, labels = torch.from_numpy(task.pool.features), torch.from_numpy(task.pool.labels)
    networks = []

    def train() -> None:
        for model in range(task.models) if models is None else models:
            network, options = _network(model)
            optimizer = torch.optim.SGD(network.parameters(), fused=fused, **options)
            for rows in task.batches(model):
                optimizer.zero_grad()
                batch = inputs[rows], labels[rows]
                loss = losses(network, *batch) if losses else cross_entropy(network(batch[0]), batch[1])
                loss.backward()
                optimizer.step()
            networks.append(network)

    wall, cpu, _ = timed(train)
    return Trained(wall, cpu, np.stack([_answers(network, task) for network in networks]))


def _some(task: Task, models: list[int]) -> np.ndarray:
    torch.set_num_threads(1)
    return _looped(task, True, models=models).logits


def _warm() -> None:
    torch.set_num_threads(1)
    cross_entropy(torch.rand(2, 2, requires_grad=True), torch.zeros(2, dtype=torch.long)).backward()


@torch.no_grad()
def _answers(network: Any, task: Task) -> np.ndarray:
    answers: np.ndarray = network(torch.from_numpy(task.test.features)).numpy()
    return answers
