"""Trains the models of one recipe that the store does not have yet: as fleets where that can be, else in turn."""

from __future__ import annotations

import functools
import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.owner.defense import Defense
from telltale.owner.fleet_records import Features, FleetRecords, Made, tensors_of
from telltale.owner.frozen_features import fed
from telltale.owner.identity import method_of
from telltale.store.store import key_of
from telltale.training.batches import LabelledBatch
from telltale.training.fit import fit
from telltale.training.fleet.fleet import Fleet, FleetData
from telltale.training.fleet.sizing import chunk_size
from telltale.training.objective import Objective
from telltale.training.private.privacy import Plan
from telltale.training.private.self_test import Start
from telltale.training.private.settle import test_once

if TYPE_CHECKING:
    from telltale.owner.recipe import Recipe
    from telltale.owner.release import Release

log = logging.getLogger("telltale")


@dataclass(frozen=True)
class Order:
    """One model to be trained.

    rows: its records in the pool, in the order of training; parent: what it starts from; stages: its code, of which
    data stages make other records of these.
    """

    name: str
    seed: int
    rows: np.ndarray
    document: Mapping[str, Any]
    parent: Release | None = None
    stages: tuple[Defense, ...] = ()


def train_fleets(recipe: Recipe, pool: Records, orders: Sequence[Order], way: str) -> list[str]:
    """Train what the store lacks of `orders`, in chunks that fit into memory; returns the key of each model's entry.

    way: in which each chunk takes a step, as in Fleet.
    """
    keys = [key_of(order.document) for order in orders]
    missing = [order for order in orders if not recipe.store.folder("release", order.document).exists()]
    if len(missing) < len(orders):
        log.info(f"store: {len(orders) - len(missing)} of {len(orders)} models are there")
    if not missing:
        return keys
    log.info(recipe.store.explain_miss("release", missing[0].document))
    shared = _records_of(recipe, pool)
    jobs = []
    lacking = {order.name for order in missing}
    length = _length_in_common(recipe, orders)
    for _, group in groupby(sorted(orders, key=length), key=length):
        alike = list(group)
        size = recipe.executor.chunk or _size(recipe, shared, alike, way)
        # cut from all orders, so that what an interrupted run has finished moves no border
        chunks = [alike[start : start + size] for start in range(0, len(alike), size)]
        parts = [[order for order in chunk if order.name in lacking] for chunk in chunks]
        jobs += [Chunk(recipe, part, way) for part in parts if part]
    if len(jobs) > 1:
        log.info(f"{len(missing)} models are trained in {len(jobs)} chunks of at most {size}")
    recipe.executor.run(jobs, shared)
    return keys


def _records_of(recipe: Recipe, pool: Records) -> FleetRecords:
    if any(code.stage == "data" for code in recipe.stages):
        return Made(pool)
    if recipe.features_are_fixed:
        return Features(pool)
    return tensors_of(fed(recipe, pool), recipe.initial().targets(pool))


def train_singly(recipe: Recipe, pool: Records, jobs: Sequence[Single]) -> list[str]:
    """Train what the store lacks, one model a fit; returns their keys."""
    return recipe.executor.run(jobs, pool)


@dataclass(frozen=True)
class Chunk:
    """Models that are trained in one step each time."""

    recipe: Recipe
    orders: Sequence[Order]
    way: str

    def detached(self) -> Self:
        """Return the same for another process; a parent is found there in the store."""
        orders = [
            replace(
                order,
                parent=self.recipe.parent_elsewhere(order.parent),
                stages=tuple(code.detached() for code in order.stages),
            )
            for order in self.orders
        ]
        return replace(self, recipe=self.recipe.detached(), orders=orders)

    def __call__(self, shared: FleetRecords) -> str:
        """Train them, or go on where an interrupted run stopped, and put each into the store."""
        self._require_same_device()
        key, store = key_of({"fleet": [key_of(order.document) for order in self.orders]}), self.recipe.store
        with store.workshop(f"fleet-{key}") as partial:
            folders = [store.folder("release", order.document) for order in self.orders]
            if not all(folder.exists() for folder in folders):  # else another job was faster
                self._train(shared, partial)
        gc.collect()  # Lightning's objects refer to each other: unasked, several chunks would lie in memory
        return key

    def _train(self, shared: FleetRecords, partial: Path) -> None:
        recipe = self.recipe
        whole, data = [recipe.objective_for(order) for order in self.orders], shared.tables(self.orders)
        trained = [trained_part(one) for one in whole]
        self._require_private(trained, data)
        fleet = Fleet(trained, data, self.way)
        name = f"{len(self.orders)} models, {self.orders[0].name} to {self.orders[-1].name}"
        seed = derive(self.orders[0].seed, "fleet")
        fit(fleet, fleet.loader(), seed, recipe.trainer, partial, name, recipe.on_epoch, checkpoints=4)
        curve = (partial / "curve.csv").read_text()
        for k, order in enumerate(self.orders):
            state = whole[k].state_dict() | fleet.state_of(k)
            write = functools.partial(
                recipe.write, state=state, curve=curve, records=len(order.rows), parent=order.parent
            )
            recipe.store.add("release", order.document, write)

    def _require_private(self, objectives: Sequence[Objective], data: FleetData) -> None:
        """Hold private training to its tests before it begins: once a recipe, store and way."""
        first, recipe = objectives[0], self.recipe
        if first.private is None:
            return
        for one in objectives:
            one.private.use(recipe.gradient_mode(self.way))
        device = recipe.trainer.device_type
        plan = first.private.options.plan(data.tables.shape[1], first.batch_size, first.epochs)
        start = _rehearsal(objectives[:2], data, self.way, device)
        batch = _example(first, data).to(device)
        test_once(recipe.store, method_of(recipe, way=self.way), first, batch, start, plan)

    def _require_same_device(self) -> None:
        """Refuse, by InputError, a worker without the GPU that the models' keys name, or with one they do not."""
        keyed, here = self.orders[0].document["device"], self.recipe.trainer.device_type
        if keyed != here:
            expected = f"the worker has {here}, the experiment {keyed}; set executor.gpus_per_chunk or trainer=cpu"
            raise InputError("trainer.accelerator", self.recipe.trainer.accelerator, expected)


@dataclass(frozen=True)
class Single:
    """One model that is trained alone, on pool[rows]."""

    recipe: Recipe
    rows: np.ndarray
    seed: int
    name: str
    parent: Release | None

    def detached(self) -> Self:
        """Return the same for another process; a parent is found there in the store."""
        return replace(self, recipe=self.recipe.detached(), parent=self.recipe.parent_elsewhere(self.parent))

    def __call__(self, pool: Records) -> str:
        """Train it, or find it, and return its key."""
        return self.recipe.trained_entry(pool, self.rows, self.seed, self.name, self.parent).name


def trained_part(objective: Any) -> Any:
    """Return what a fleet trains of an objective: on fixed features the head."""
    return objective.on_features() if objective.features_are_fixed else objective


def _size(recipe: Recipe, shared: FleetRecords, orders: Sequence[Order], way: str) -> int:
    """Choose the size of chunks: as many models as memory and speed allow, and some for each worker."""
    first = orders[:1]
    trained, data = trained_part(recipe.objective_for(first[0])), shared.tables(first)
    if trained.private:
        trained.private.use(recipe.gradient_mode(way))
    fitting = chunk_size(trained, data, recipe.trainer.device_type)
    return min(fitting, -(-len(orders) // recipe.executor.at_once))


def _length_in_common(recipe: Recipe, orders: Sequence[Order]) -> Callable[[Order], int]:
    """Say of which lengths tables may be in one fleet: of equal ones, or of any where samples come by a public rate."""
    private = recipe.objective_for(orders[0]).private
    return (lambda _: 0) if private and private.options.records else (lambda order: len(order.rows))


def _example(objective: Objective, data: FleetData) -> LabelledBatch:
    """Return the first records of the first model as a batch."""
    rows = torch.from_numpy(data.tables[0, : objective.batch_size])
    rows = rows[rows >= 0]
    return LabelledBatch(data.inputs[rows], data.labels[rows], torch.zeros_like(rows))


def _rehearsal(objectives: Sequence[Objective], data: FleetData, way: str, device: str) -> Start:
    """Return what starts a fleet of a few models, for the self-test."""

    def start(plan: Plan) -> tuple[Fleet, torch.optim.Optimizer, Any]:
        fleet = Fleet(objectives, data.part(range(len(objectives))), way).to(device)
        fleet.skeleton.weight_decay = 0.0
        assert fleet.private
        fleet.private.begin(fleet, plan)
        return fleet, fleet.optimizer_alone(), fleet.first_batch()

    return start
