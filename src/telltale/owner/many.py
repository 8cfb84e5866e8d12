"""Trains many models of one recipe that the store does not have yet: as fleets, in chunks that fit into memory."""

from __future__ import annotations

import functools
import gc
import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.owner.company import companies_of, note_company
from telltale.owner.executor import Local, Ray
from telltale.owner.fleet_records import Features, FleetRecords, Made, tensors_of
from telltale.owner.frozen_features import as_model_input
from telltale.owner.identity import method_of
from telltale.owner.molecule_fleets import Graphs, molecule_fleet
from telltale.owner.order import Order
from telltale.owner.recipe import Recipe
from telltale.owner.releasing import parent_elsewhere
from telltale.owner.single import TrainedState, write_release
from telltale.process import give_memory_back
from telltale.store.store import Store, key_of
from telltale.threads import one_thread
from telltale.training.batches import LabelledBatch
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.fleet import Fleet
from telltale.training.fleet.sizing import TURNS, chunk_size, trained_part
from telltale.training.objective import Objective
from telltale.training.private.privacy import Plan
from telltale.training.private.self_test import Start
from telltale.training.private.settle import test_once
from telltale.training.trainer import Curve
from telltale.writing import counted

if TYPE_CHECKING:
    from telltale.training.fleet.turns import Turns

log = logging.getLogger("telltale")


def train_fleets(
    recipe: Recipe,
    pool: Records,
    orders: Sequence[Order],
    way: str,
    store: Store,
    executor: Local | Ray,
    on_epoch: Curve | None,
) -> list[str]:
    """Train what the store lacks of `orders`, in chunks that fit into memory; returns the key of each model's entry.

    way: in which each chunk takes a step, as in Fleet.
    """
    keys = [key_of(order.document) for order in orders]
    missing = [order for order in orders if store.find("release", order.document) is None]
    if len(missing) < len(orders):
        log.info(f"store: {len(orders) - len(missing)} of {len(orders)} models are there")
    if not missing:
        return keys
    store.tell_miss("release", missing[0].document)
    shared = _records_of(recipe, store, pool)
    lacking, by_key = {key_of(order.document) for order in missing}, dict(zip(keys, orders, strict=True))
    companies = companies_of(store, lacking, by_key) if len(missing) < len(orders) else []
    jobs = [Chunk(recipe, store, [by_key[key] for key in company], way, on_epoch) for company in companies]
    lacking -= {key for company in companies for key in company}
    length = _length_in_common(recipe, orders)
    for _, group in groupby(sorted(orders, key=length), key=length):
        alike = list(group)
        size = executor.chunk or _size(recipe, shared, alike, way, executor.at_once(recipe.device_of_a_fit))
        # cut from all orders, so that what an interrupted run has finished moves no border
        chunks = [alike[start : start + size] for start in range(0, len(alike), size)]
        parts = [[order for order in chunk if key_of(order.document) in lacking] for chunk in chunks]
        jobs += [Chunk(recipe, store, part, way, on_epoch) for part in parts if part]
    if len(jobs) > 1:
        jobs = [replace(job, several=True) for job in jobs]
        log.info(f"{counted(len(missing), 'model is', 'models are')} trained in {len(jobs)} chunks of at most {size}")
    executor.run(jobs, shared)
    return keys


def _records_of(recipe: Recipe, store: Store, pool: Records) -> FleetRecords | Graphs:
    if not recipe.stackable:  # as plain tensors; of molecules there are fleets nevertheless
        return Graphs.of(pool, recipe.initial().targets(pool))
    if any(code.stage == "data" for code in recipe.stages):
        return Made(pool)
    if recipe.features_are_fixed:
        return Features(pool)
    return tensors_of(as_model_input(recipe, store, pool), recipe.initial().targets(pool))


@dataclass(frozen=True)
class Chunk:
    """Models that are trained in one step each time, in a way of fleets; several: more chunks are trained beside it."""

    recipe: Recipe
    store: Store
    orders: Sequence[Order]
    way: str
    on_epoch: Curve | None = None
    several: bool = False

    @property
    def device(self) -> str:
        """Say of which kind of device it wants one for itself."""
        return self.recipe.device_of_a_fit

    def detached(self) -> Self:
        """Return the same for another process, where nobody listens; a parent is found there in the store."""
        orders = [
            replace(
                order,
                parent=parent_elsewhere(self.recipe, self.store, order.parent),
                stages=tuple(code.detached() for code in order.stages),
            )
            for order in self.orders
        ]
        recipe, store = self.recipe.detached(), self.store.detached()
        return replace(self, recipe=recipe, store=store, orders=orders, on_epoch=None)

    def __call__(self, shared: FleetRecords | Graphs) -> str:
        """Train them, or go on where an interrupted run stopped, and put each into the store."""
        self._require_same_device()
        key = key_of({"fleet": [key_of(order.document) for order in self.orders]})
        folders = [self.store.folder("release", order.document) for order in self.orders]
        with self.store.workshop(f"fleet-{key}", folders) as partial:
            if not all(folder.exists() for folder in folders):  # else another job was faster
                self._train(shared, partial)
        if self.way not in TURNS or self.several:  # trainers refer to themselves: unasked, they would lie in memory
            gc.collect()
            give_memory_back()
        return key

    def _train(self, shared: FleetRecords | Graphs, partial: Path) -> None:
        recipe, data = self.recipe, shared.tables(self.orders)
        whole = [_objective_for(recipe, order) for order in self.orders]
        if (validation := whole[0].validation_records) is not None:
            seen = as_model_input(recipe, self.store, validation)
            for objective in whole:
                objective.validation_records = seen
        for objective, table in zip(whole, data.tables if recipe.stackable else (), strict=False):
            objective.take_note(data.labels[torch.from_numpy(table[table >= 0])])
        trained = [trained_part(objective) for objective in whole]
        self._require_private(trained, data)
        fleet = self._trained(trained, data, partial)
        curve = (partial / "curve.csv").read_text(encoding="utf-8")
        for k, order in enumerate(self.orders):
            state = whole[k].state_dict() | fleet.state_of(k)
            kept = TrainedState(state, curve, len(order.rows), order.parent)
            self.store.add("release", order.document, functools.partial(write_release, self.store, kept))

    def _trained(self, objectives: Sequence[Objective], data: FleetData, partial: Path) -> Fleet | Turns:
        # bring Lightning, which a rerun from the store does without
        from telltale.training.fit import fit
        from telltale.training.fleet.turns import fit_in_turn, turns_of

        options = self.recipe.trainer
        name = f"{len(self.orders)} models, {self.orders[0].name} to {self.orders[-1].name}"
        if self.way in TURNS:
            turns = turns_of(objectives, data, self.way)
            fit_in_turn(turns, objectives, data, partial, name, self.on_epoch, options.fast_dev_run)
            return turns
        stackable = self.recipe.stackable
        fleet = Fleet(objectives, data, self.way) if stackable else molecule_fleet(objectives, data)
        seed = derive(self.orders[0].seed, "fleet")
        with one_thread() if self.recipe.epochs_on_one_thread else nullcontext():
            fit(fleet, fleet.loader(), seed, options, partial, name, self.on_epoch, checkpoints=4)
        note_company(self.store, [key_of(order.document) for order in self.orders])
        return fleet

    def _require_private(self, objectives: Sequence[Objective], data: FleetData) -> None:
        """Hold private training to its tests before it begins: once a recipe, store and way."""
        first, recipe = objectives[0], self.recipe
        if first.private is None:
            return
        for objective in objectives:
            objective.private.use(recipe.gradient_mode(self.way))
        device = recipe.trainer.device_type
        plan = first.private.options.plan(data.tables.shape[1], first.batch_size, first.epochs)
        start = _rehearsal(objectives[:2], data, self.way, device)
        batch = _example(first, data).to(device)
        test_once(self.store, method_of(recipe, way=self.way), first, batch, start, plan)

    def _require_same_device(self) -> None:
        """Refuse, by InputError, a worker without the GPU that the models' keys name, or with one they do not."""
        keyed, here = self.orders[0].document["device"], self.recipe.trainer.device_type
        if keyed != here:
            expected = f"the worker has {here}, the experiment {keyed}; set executor.gpus_per_chunk or trainer=cpu"
            raise InputError("trainer.accelerator", self.recipe.trainer.accelerator, expected)


def _objective_for(recipe: Recipe, order: Order) -> Objective:
    return recipe.objective_for(order.seed, order.parent.weights() if order.parent else None)


def _size(recipe: Recipe, shared: FleetRecords | Graphs, orders: Sequence[Order], way: str, workers: int) -> int:
    """Choose the size of chunks: as many models as memory and speed allow, and some for each worker."""
    first = orders[:1]
    trained, data = trained_part(_objective_for(recipe, first[0])), shared.tables(first)
    if trained.private:
        trained.private.use(recipe.gradient_mode(way))
    alone = None if recipe.stackable else molecule_fleet([trained], data)
    fitting = chunk_size(trained, data, recipe.trainer.device_type, way, alone)
    return min(fitting, -(-len(orders) // workers))


def _length_in_common(recipe: Recipe, orders: Sequence[Order]) -> Callable[[Order], int]:
    """Say of which lengths tables may be in one fleet: of equal ones, or of any where samples come by a public rate."""
    private = _objective_for(recipe, orders[0]).private
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
