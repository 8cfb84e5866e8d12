"""What a model owner does, as one frozen and comparable value."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from hydra.utils import instantiate
from safetensors.torch import load_file, save_file

from src.data.records import Records
from src.data.seeds import derive
from src.training.batches import evaluation_batches, make_batch
from src.training.defense import Defense
from src.training.executor import Local
from src.training.fit import Curve, fit
from src.training.objective import Objective
from src.training.release import Release
from src.training.sources import source_digest
from src.training.store import Store, key_of
from src.training.trainer import TrainerOptions


@dataclass(frozen=True)
class Recipe:
    """A model, an objective and the defences around them; training it on records gives a Release.

    model, objective: resolved configurations with `_target_`; start: pre-train with that recipe first, on the
    rows given, then go on here on `finetune`; added_code: malicious training code (Attack.tamper), which runs
    before any defence; defenses: the owner's, in order.
    """

    model: Mapping[str, Any]
    objective: Mapping[str, Any]
    trainer: TrainerOptions
    store: Store = field(compare=False)
    executor: Local = field(default_factory=Local, compare=False)
    on_epoch: Curve | None = field(default=None, compare=False)
    start: Recipe | None = None
    finetune: Records | None = field(default=None, compare=False)
    added_code: tuple[Defense, ...] = ()
    defenses: tuple[Defense, ...] = ()

    def replace(self, **changes: Any) -> Self:
        """Return a recipe that differs in the named fields."""
        return replace(self, **changes)

    def protect(self, defense: Defense) -> Self:
        """Return the recipe with one more defence, applied after those there are."""
        return self if defense.stage == "none" else replace(self, defenses=(*self.defenses, defense))

    def train(self, pool: Records, rows: np.ndarray, seed: int, name: str = "model") -> Release:
        """Train on pool[rows], or find the result in the store: equal sets of records give equal weights."""
        parent = self.start.train(pool, rows, seed, f"{name} (pre-training)") if self.start else None
        records = self._training_records(pool.take(rows) if parent is None else self._finetuning_records(), seed)
        document = self._document(records, seed, parent)

        def make(entry: Path, partial: Path) -> None:
            objective = self._objective(seed, parent)
            fit(objective, records, seed, self.trainer, partial, name, self.on_epoch)
            save_file(_contiguous(objective.state_dict()), entry / "weights.safetensors")
            shutil.copy(partial / "curve.csv", entry / "curve.csv")

        if self.trainer.fast_dev_run:
            document["fast_dev_run"] = self.trainer.fast_dev_run
        folder, _ = self.store.find_or_make("release", document, make)
        objective = self._objective(seed, None)
        objective.load_state_dict(load_file(folder / "weights.safetensors"))
        return self._released(objective, folder.name)

    def train_many(
        self, pool: Records, memberships: np.ndarray, seeds: Sequence[int], names: Sequence[str] | None = None
    ) -> list[Release]:
        """Train one model for each row of the boolean matrix `memberships` (models, records)."""
        names = names or [f"model {place + 1} of {len(seeds)}" for place in range(len(seeds))]
        jobs = [
            lambda row=row, seed=seed, name=name: self.train(pool, np.flatnonzero(row), seed, name)
            for row, seed, name in zip(memberships, seeds, names, strict=True)
        ]
        return self.executor.run(jobs)

    def untrained(self, records: Records, seed: int) -> Release:
        """Release initial weights, BatchNorm statistics averaged over `records`: the architecture and nothing else."""
        objective = self._objective(seed, None)
        norms = [module for module in objective.model.modules() if isinstance(module, torch.nn.BatchNorm1d)]
        for norm in norms:
            norm.momentum = None  # plain average over all batches
            norm.reset_running_stats()
        arrays = records.arrays()
        with torch.no_grad():
            for rows in np.array_split(np.arange(len(records)), max(1, len(records) // objective.batch_size)):
                objective.model.train()(make_batch(arrays, rows))
        document = {"untrained": self._document(records, seed, None)}
        return self._released(objective, key_of(document))

    def success(self, release: Release, test: Records) -> dict[str, float]:
        """Measure the owner's own task on held-out records, with the trained heads from the store."""
        folder = self.store.root / "release" / release.key
        objective = self._objective(0, None)
        objective.load_state_dict(load_file(folder / "weights.safetensors"))
        return objective.eval().success(list(evaluation_batches(test, objective.batch_size)))

    def _objective(self, seed: int, parent: Release | None) -> Objective:
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "initial weights"))
            objective: Objective = instantiate(dict(self.objective), model=instantiate(dict(self.model)))
        if parent is not None:
            weights = {name: torch.from_numpy(array) for name, array in parent.weights().items()}
            objective.model.load_state_dict(weights, strict=False)
        objective.loss_code = (*self.added_code, *self.defenses)
        return objective

    def _training_records(self, records: Records, seed: int) -> Records:
        for code in (*self.added_code, *self.defenses):
            records = code.records(records, derive(seed, "data stage"))
        # a set has no order: sorted by digest, equal sets are trained alike
        return records.take(np.argsort(records.fingerprints(), kind="stable"))

    def _finetuning_records(self) -> Records:
        assert self.finetune is not None, "a recipe with a start needs records to go on with"
        return self.finetune

    def _released(self, objective: Objective, key: str) -> Release:
        model = objective.model
        for code in (*self.added_code, *self.defenses):
            model = code.model(model)
        answers = [defense for defense in self.defenses if defense.stage == "answer"]
        return Release(model, key, device=self.trainer.device_type, answers=answers)

    def _document(self, records: Records, seed: int, parent: Release | None) -> dict[str, Any]:
        changing = [code for code in (*self.added_code, *self.defenses) if code.stage in ("data", "training")]
        targets = [
            self.model["_target_"],
            self.objective["_target_"],
            *(code.document()["_target_"] for code in changing),
        ]
        return {
            "model": dict(self.model),
            "objective": dict(self.objective),
            "code": [code.document() for code in changing],
            "records": hashlib.blake2b(records.fingerprints().tobytes(), digest_size=16).hexdigest(),
            "number_of_records": len(records),
            "seed": seed,
            "precision": self.trainer.precision,
            "device": self.trainer.device_type,
            "start": parent.key if parent else None,
            "sources": source_digest(targets),
        }


def _contiguous(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
