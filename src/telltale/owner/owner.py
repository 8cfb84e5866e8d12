"""An owner: who follows a recipe, keeps what was trained, and releases it. An attacker plays one for its shadows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from telltale.data.records import Records
from telltale.owner.executor import Local, Ray
from telltale.owner.identity import document_of, document_of_untrained
from telltale.owner.many import train_fleets
from telltale.owner.order import Order
from telltale.owner.recipe import ALONE, Recipe
from telltale.owner.release import Release
from telltale.owner.releasing import release_of
from telltale.owner.side_by_side import On
from telltale.owner.single import Single, TrainedState, finished, write_release
from telltale.owner.success import success_of
from telltale.owner.untrained import untrained_objective
from telltale.progress import track
from telltale.store.store import Store
from telltale.training.trainer import Curve


class Run(NamedTuple):
    """One model of `train_many`: its own recipe, its members among the records, and what it starts from."""

    recipe: Recipe
    members: np.ndarray
    seed: int
    name: str
    parent: Release | None

    @property
    def rows(self) -> np.ndarray:
        """Return where its records lie."""
        return np.flatnonzero(self.members)


class Request(NamedTuple):
    """What `train_many` is asked for."""

    recipe: Recipe
    pool: Records
    members: np.ndarray
    seeds: Sequence[int]
    names: Sequence[str]


@dataclass(frozen=True)
class Owner:
    """Who trains: with a store that keeps what was trained, machines, and someone to tell of each epoch.

    store       where trained models lie; what is there is not trained again
    executor    which machines train, and how many models at a time
    on_epoch    called with the figures of each epoch; None = nobody listens
    """

    store: Store
    executor: Local | Ray = field(default_factory=Local)
    on_epoch: Curve | None = None

    def train_many(
        self, recipe: Recipe, pool: Records, members: np.ndarray, seeds: Sequence[int], names: Sequence[str] = ()
    ) -> list[Release]:
        """Train one model for each row of `members` (models, records) bool, or find it in the store.

        Equal sets of records give equal weights. As a fleet where the objective can be stacked; else, and under DDP,
        one model after the other. names: for people, one a model.
        """
        names = names or [f"model {place + 1} of {len(seeds)}" for place in range(len(seeds))]
        if recipe.start:
            first = [f"{name} (pre-training)" for name in names]
            return self._go_on(recipe, self.train_many(recipe.start, pool, members, seeds, first), seeds, names)
        return self._trained(recipe, pool, members, seeds, names, [None] * len(seeds))

    def ahead(self, requests: Sequence[Request]) -> None:
        """Train side by side what `train_many` will be asked for one after the other, where that pays; it finds it.

        What is pre-trained, where there is such a part; what data stages have to make records for is left out.
        """
        jobs = []
        for place, (recipe, _, members, seeds, names) in enumerate(requests):
            if recipe.start:
                recipe, names = recipe.start, [f"{name} (pre-training)" for name in names]
            if recipe.way(len(seeds), self.executor.way) == ALONE and not recipe.stage("data"):
                for row, seed, name in zip(members, seeds, names, strict=True):
                    single = Single(recipe, self.store, np.flatnonzero(row), seed, name, None, self.on_epoch)
                    jobs.append(On(single, place))
        self.executor.ahead(jobs, [request.pool for request in requests])

    def train(self, recipe: Recipe, pool: Records, rows: np.ndarray, seed: int, name: str = "model") -> Release:
        """Train one model on pool[rows]: `train_many` of one."""
        members = np.zeros((1, len(pool)), bool)
        members[0, rows] = True
        return self.train_many(recipe, pool, members, [seed], [name])[0]

    def untrained_many(
        self, recipe: Recipe, records: Records, seeds: Sequence[int], names: Sequence[str]
    ) -> list[Release]:
        """Release models without what membership is asked of: never trained, or fine-tuned from an untrained start."""
        if recipe.start is None:
            return [self._untrained(recipe, records, seed) for seed in seeds]
        starts = [self._untrained(recipe.start, records, seed) for seed in seeds]
        return self._go_on(recipe, starts, seeds, names)

    def success(self, recipe: Recipe, release: Release, records: Records) -> dict[str, float]:
        """Measure the owner's own task on records: the released model with the trained heads of the store."""
        return success_of(recipe, self.store, release, records)

    def prepared(
        self, recipe: Recipe, pool: Records, members: np.ndarray, seeds: Sequence[int], names: Sequence[str]
    ) -> list[Recipe]:
        """Return the recipe as it is for each of many models: with what its data stages have trained for them."""
        if not any(code.stage == "data" for code in recipe.defenses):
            return [recipe] * len(seeds)
        columns = [code.of_models(self, recipe, pool, members, seeds, names) for code in recipe.defenses]
        return [replace(recipe, defenses=tuple(codes)) for codes in zip(*columns, strict=True)]

    def ways(self, recipe: Recipe, models: int) -> dict[str, Any]:
        """Say how so many models are trained, for a run's record: the way, its gradient mode, those of the start."""
        way = recipe.way(models, self.executor.way)
        start = {"start": self.ways(recipe.start, models)} if recipe.start else {}
        return {"models": models, "way": way, "gradient_mode": recipe.gradient_mode(way), **start}

    def _go_on(
        self, recipe: Recipe, parents: Sequence[Release], seeds: Sequence[int], names: Sequence[str]
    ) -> list[Release]:
        """Fine-tune each of the models that the start released, on its own draw of the fine-tuning records."""
        members = np.stack([recipe.finetuning_members(seed) for seed in seeds])
        return self._trained(recipe, recipe.finetuning_records, members, seeds, names, parents)

    def _trained(
        self,
        recipe: Recipe,
        pool: Records,
        members: np.ndarray,
        seeds: Sequence[int],
        names: Sequence[str],
        parents: Sequence[Release | None],
    ) -> list[Release]:
        recipes = self.prepared(recipe, pool, members, seeds, names)
        runs = [Run(*values) for values in zip(recipes, members, seeds, names, parents, strict=True)]
        way = recipe.way(len(runs), self.executor.way)
        if way == ALONE:
            jobs = [Single(run.recipe, self.store, run.rows, *run[2:], on_epoch=self.on_epoch) for run in runs]
            keys = self.executor.run(jobs, pool)
        else:
            fingerprints = pool.fingerprints()
            orders = [_order(run, fingerprints, way) for run in runs]
            keys = train_fleets(recipe, pool, orders, way, self.store, self.executor, self.on_epoch)
        pairs = track(zip(keys, runs, strict=True), "finishing models", len(runs))
        return [self._released(run, pool, self.store.entry("release", key)) for key, run in pairs]

    def _released(self, run: Run, pool: Records, folder: Path) -> Release:
        recipe, _, seed, name, _ = run
        source = pool, run.rows
        folder = finished(recipe, self.store, folder, source, seed, name, self.on_epoch)
        return release_of(recipe, self.store, folder, seed, name, source)

    def _untrained(self, recipe: Recipe, records: Records, seed: int) -> Release:
        """Release initial weights, BatchNorm statistics averaged over `records`: the architecture and nothing else."""
        document = document_of_untrained(recipe, records, seed)

        def make(entry: Path, _: Path) -> None:
            objective, number = untrained_objective(recipe, self.store, records, seed)
            write_release(self.store, TrainedState(objective.state_dict(), "", number), entry)

        return release_of(recipe, self.store, self.store.find_or_make("release", document, make)[0], seed, "untrained")


def _order(run: Run, fingerprints: np.ndarray, way: str) -> Order:
    rows = run.rows[np.argsort(fingerprints[run.rows], kind="stable")]
    document = document_of(run.recipe, fingerprints[rows], run.seed, run.parent, way)
    return Order(run.name, run.seed, rows, document, run.parent, run.recipe.stages)
