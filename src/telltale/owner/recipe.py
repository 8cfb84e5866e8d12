"""What a model owner does, as one frozen and comparable value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors.torch import load_file

from telltale.data.records import Records
from telltale.data.seeds import generator
from telltale.owner.defense import Defense, Stage
from telltale.owner.executor import Local, Ray
from telltale.owner.frozen_features import fed
from telltale.owner.identity import document_of
from telltale.owner.many import Order, Single, train_fleets, train_singly, trained_part
from telltale.owner.preparation import initial_objective, membership_of, training_records
from telltale.owner.release import Release
from telltale.owner.releasing import release_of
from telltale.owner.single import finished, require_finishable, train
from telltale.owner.success import success_of
from telltale.owner.untrained import estimate_statistics
from telltale.progress import track
from telltale.store.store import Store, write_weights
from telltale.training.fit import Curve
from telltale.training.fleet.sizing import way_of
from telltale.training.objective import Objective
from telltale.training.private.account import write_account
from telltale.training.private.ledger import ledger_in
from telltale.training.private.modes import mode_of
from telltale.training.trainer import TrainerOptions


@dataclass(frozen=True)
class Recipe:
    """A model, an objective and the defences around them; training it on records gives a Release.

    model, objective: resolved configurations with `_target_`; start: pre-train with that recipe first, on the
    rows given, then go on here on a `finetune_share` of `finetune`, drawn by each model's seed; initial_seed: of the
    initial weights of all models, None = each has its own; added_code: malicious training code (Attack.tamper),
    which runs before any defence; defenses: the owner's, in order; public: records known to all, from which a data
    stage may learn.
    """

    model: Mapping[str, Any]
    objective: Mapping[str, Any]
    trainer: TrainerOptions
    store: Store = field(compare=False)
    executor: Local | Ray = field(default_factory=Local, compare=False)
    on_epoch: Curve | None = field(default=None, compare=False)
    start: Recipe | None = None
    finetune: Records | None = field(default=None, compare=False)
    finetune_share: float = 1.0
    initial_seed: int | None = None
    added_code: tuple[Defense, ...] = ()
    defenses: tuple[Defense, ...] = ()
    public: Records | None = field(default=None, compare=False)

    def replace(self, **changes: Any) -> Self:
        """Return a recipe that differs in the named fields."""
        return replace(self, **changes)

    def protect(self, defense: Defense) -> Self:
        """Return the recipe with one more defence, applied after those there are, or its start with it.

        Of a recipe with a start, a defence with `on` = "first" protects the start; any other, what comes last.
        """
        if defense.stage == "none":
            return self
        if self.start and getattr(defense, "on", "last") == "first":
            return replace(self, start=self.start.protect(defense))
        return replace(self, defenses=(*self.defenses, defense))

    def with_public_records(self, number: int) -> Self:
        """Return the recipe where each model's own number of records is a secret, and this number is public instead."""
        if self.start:
            return replace(self, start=self.start.with_public_records(number))
        return replace(self, defenses=tuple(one.with_public_records(number) for one in self.defenses))

    def train(self, pool: Records, rows: np.ndarray, seed: int, name: str = "model") -> Release:
        """Train on pool[rows], or find the result in the store: equal sets of records give equal weights."""
        parent = self.start.train(pool, rows, seed, f"{name} (pre-training)") if self.start else None
        if parent is not None:
            pool, rows = self._finetuning_records(), np.flatnonzero(self.finetuning_row(seed))
        own = self.of_models(pool, membership_of(rows, len(pool)), [seed], [name])[0]
        folder = finished(own, own.trained_entry(pool, rows, seed, name, parent), pool, rows, seed, name)
        return release_of(own, folder, seed, name, (pool, rows))

    def train_many(
        self, pool: Records, memberships: np.ndarray, seeds: Sequence[int], names: Sequence[str] | None = None
    ) -> list[Release]:
        """Train one model for each row of the boolean matrix `memberships` (models, records).

        As a fleet where the objective can be stacked; else, and under DDP, one by one.
        """
        names = names or [f"model {place + 1} of {len(seeds)}" for place in range(len(seeds))]
        if self.start:
            first = [f"{name} (pre-training)" for name in names]
            return self.go_on(self.start.train_many(pool, memberships, seeds, first), seeds, names)
        return self._train_all(pool, memberships, seeds, names, [None] * len(seeds))

    def go_on(self, parents: Sequence[Release], seeds: Sequence[int], names: Sequence[str]) -> list[Release]:
        """Fine-tune each of the models that `start` released, on its own draw of the fine-tuning records."""
        rows = np.stack([self.finetuning_row(seed) for seed in seeds])
        return self._train_all(self._finetuning_records(), rows, seeds, names, parents)

    def finetuning_row(self, seed: int) -> np.ndarray:
        """Say which fine-tuning records the model of this seed gets: (records,) bool."""
        number = len(self._finetuning_records())
        row = np.zeros(number, bool)
        chosen = generator(seed, "fine-tuning records").choice(
            number, round(self.finetune_share * number), replace=False
        )
        row[chosen] = True
        return row

    def _train_all(
        self,
        pool: Records,
        memberships: np.ndarray,
        seeds: Sequence[int],
        names: Sequence[str],
        parents: Sequence[Release | None],
    ) -> list[Release]:
        recipes = self.of_models(pool, memberships, seeds, names)
        runs = list(zip(recipes, memberships, seeds, names, parents, strict=True))
        way = self.way(len(runs))
        if way != "alone":
            fingerprints = pool.fingerprints()
            keys = train_fleets(self, pool, [own._order(way, fingerprints, *run) for own, *run in runs], way)
        else:
            jobs = [Single(own, np.flatnonzero(row), seed, name, parent) for own, row, seed, name, parent in runs]
            keys = train_singly(self, pool, jobs)
        released = []
        for key, (own, row, seed, name, _) in track(zip(keys, runs, strict=True), "finishing models", len(keys)):
            rows, folder = np.flatnonzero(row), self.store.root / "release" / key
            folder = finished(own, folder, pool, rows, seed, name)
            released.append(release_of(own, folder, seed, name, (pool, rows)))
        return released

    def of_models(
        self, pool: Records, memberships: np.ndarray, seeds: Sequence[int], names: Sequence[str]
    ) -> list[Self]:
        """Return the recipe as it is for each of many models: with what its data stages have trained for them."""
        if not any(code.stage == "data" for code in self.defenses):
            return [self] * len(seeds)
        columns = [code.of_models(self, pool, memberships, seeds, names) for code in self.defenses]
        return [replace(self, defenses=own) for own in zip(*columns, strict=True)]

    def detached(self) -> Self:
        """Return the recipe for another process: no live logger, no records, absolute paths."""
        start = self.start.detached() if self.start else None
        store = Store(self.store.root.resolve())
        defenses = tuple(code.detached() for code in self.defenses)
        return replace(self, on_epoch=None, store=store, start=start, finetune=None, public=None, defenses=defenses)

    def parent_elsewhere(self, parent: Release | None) -> Release | None:
        """Return a release of `start` as another process finds it in the store."""
        if parent is None or self.start is None:
            return None
        folder = self.store.root.resolve() / "release" / parent.entry
        return release_of(self.start.detached(), folder, 0, parent.name)

    def untrained_many(self, records: Records, seeds: Sequence[int], names: Sequence[str]) -> list[Release]:
        """Release models without what membership is asked of: never trained, or fine-tuned from an untrained start."""
        if self.start is None:
            return [self.untrained(records, seed) for seed in seeds]
        return self.go_on([self.start.untrained(records, seed) for seed in seeds], seeds, names)

    def untrained(self, records: Records, seed: int) -> Release:
        """Release initial weights, BatchNorm statistics averaged over `records`: the architecture and nothing else."""
        records = training_records(records, (), seed)
        document = {**document_of(self, records.fingerprints(), seed, None), "untrained": True}

        def make(entry: Path, _: Path) -> None:
            objective = self._objective(seed, None)
            estimate_statistics(objective.model, fed(self, records), objective.batch_size, seed)
            self.write(entry, objective.state_dict(), "", len(records), None)

        return release_of(self, self.store.find_or_make("release", document, make)[0], seed, "untrained")

    def success(self, release: Release, records: Records) -> dict[str, float]:
        """Measure the owner's own task on records: the released model with the trained heads of the store."""
        return success_of(self, release, records)

    def check(self) -> None:
        """Refuse, by InputError, options of model, objective and training code that are out of range."""
        if self.start:
            self.start.check()
        for code in self.stages:
            code.check(self)
        require_finishable(self)

    @cached_property
    def features_are_fixed(self) -> bool:
        """Say whether models are trained on features that a pre-trained backbone computes once."""
        return self.start is not None and self.initial().features_are_fixed

    @property
    def supervised(self) -> bool:
        """Say whether the recipe learns from labels."""
        return self.initial().supervised

    @property
    def answers(self) -> frozenset[str]:
        """Name the calls that the released model understands, beside embeddings and weights."""
        return self.initial().answers

    def objective_for(self, order: Order) -> Objective:
        """Build an order's objective with its initial weights."""
        return self._objective(order.seed, order.parent)

    def write(
        self, entry: Path, state: Mapping[str, torch.Tensor], curve: str, records: int, parent: Release | None
    ) -> None:
        """Write a trained objective into an entry of the store; records: how many it was trained on."""
        write_weights(entry, state)
        (entry / "curve.csv").write_text(curve)
        write_account(entry, ledger_in(state), records, self.store.root / "release" / parent.entry if parent else None)

    def trained_entry(self, pool: Records, rows: np.ndarray, seed: int, name: str, parent: Release | None) -> Path:
        """Train one model, or find it: its folder in the store."""
        source = pool.take(rows)
        document = document_of(self, training_records(source, (), seed).fingerprints(), seed, parent)

        def make(entry: Path, partial: Path) -> None:
            objective, records = self._objective(seed, parent), training_records(source, self.stages, seed)
            train(self, objective, fed(self, records), seed, partial, name)
            curve = (partial / "curve.csv").read_text()
            self.write(entry, objective.state_dict(), curve, len(records), parent)

        return self.store.find_or_make("release", document, make)[0]

    def initial(self) -> Objective:
        """Return the objective with initial weights: what is known of the network before anything is trained."""
        return self._objective(0, None)

    def _order(
        self,
        way: str,
        fingerprints: np.ndarray,
        row: np.ndarray,
        seed: int,
        name: str,
        parent: Release | None,
    ) -> Order:
        rows = np.flatnonzero(row)
        rows = rows[np.argsort(fingerprints[rows], kind="stable")]
        return Order(name, seed, rows, document_of(self, fingerprints[rows], seed, parent, way), parent, self.stages)

    def way(self, models: int) -> str:
        """Say how so many models are trained: "alone", one fit each, or the way in which a fleet takes a step."""
        if models == 1 or self.trainer.devices > 1 or any(code.needs_records for code in self.stages):
            return "alone"
        return self._way_of_fleets if self.stackable else "alone"

    @cached_property
    def _way_of_fleets(self) -> str:
        return way_of(trained_part(self.initial()), self.trainer.device_type, self.executor.way)

    def ways(self, models: int) -> dict[str, Any]:
        """Say how so many models are trained, for a run's record: the way, its gradient mode, those of the start."""
        way = self.way(models)
        start = {"start": self.start.ways(models)} if self.start else {}
        return {"models": models, "way": way, "gradient_mode": self.gradient_mode(way), **start}

    def gradient_mode(self, way: str) -> str | None:
        """Name the mode in which models trained in this way compute private gradients; None where they are not."""
        return self._gradient_modes["alone" if way == "alone" else "fleet"]

    @cached_property
    def _gradient_modes(self) -> Mapping[str, str | None]:
        whole = self.initial()
        if not whole.private:
            return {"alone": None, "fleet": None}
        return {"alone": mode_of(whole), "fleet": mode_of(trained_part(whole))}

    @cached_property
    def stackable(self) -> bool:
        """Say whether a fleet can train it, drawing nothing that depends on the chunk."""
        objective = self.initial()
        # masks of a stacked step come from one generator: they would depend on the chunk, which no key names
        drops = any(isinstance(module, torch.nn.Dropout) and module.p > 0 for module in objective.modules())
        return objective.stackable and not drops and (objective.private is None or objective.private.stackable)

    @property
    def stages(self) -> tuple[Defense, ...]:
        """Return the malicious code and the defences, in the order in which they run."""
        return (*self.added_code, *self.defenses)

    def stage(self, name: Stage) -> list[Defense]:
        """Return the code of one stage, in the order it runs."""
        return [code for code in self.stages if code.stage == name]

    def _objective(self, seed: int, parent: Release | None) -> Objective:
        weights_from = seed if self.initial_seed is None else self.initial_seed
        objective = initial_objective(self.model, self.objective, weights_from, parent.weights() if parent else None)
        objective.loss_code = self.stage("training")
        for code in objective.loss_code:
            code.prepare(objective)
        return objective

    def _finetuning_records(self) -> Records:
        assert self.finetune is not None, "a recipe with a start needs records to go on with"
        return self.finetune

    @property
    def publishes(self) -> bool:
        """Say whether the owner hands out the records that models are trained on."""
        return any(code.publishes for code in self.defenses)

    def loaded(self, folder: Path, seed: int, again: bool = False) -> Objective:
        """Return the trained objective of an entry of the store; again: as in Store.weights."""
        objective = self._objective(seed, None)
        objective.load_state_dict(load_file(self.store.weights(folder.name, again)))
        return objective
