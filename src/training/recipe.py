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
from safetensors.torch import load_file, save_file

from src.data.records import Records
from src.data.seeds import derive
from src.training.batches import evaluation_batches, make_batch
from src.training.defense import Defense
from src.training.executor import Local
from src.training.fit import Curve, fit
from src.training.objective import Objective
from src.training.preparation import initial_objective, seeded, training_records
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
        records = pool.take(rows) if parent is None else self._finetuning_records()
        records = training_records(records, self._stages, seed)
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
        records = training_records(records, (), seed)
        norms = [module for module in objective.model.modules() if isinstance(module, torch.nn.BatchNorm1d)]
        for norm in norms:
            norm.momentum = None  # plain average over all batches
            norm.reset_running_stats()
        arrays = records.arrays()
        with torch.no_grad(), seeded(derive(seed, "dropout")):
            for rows in np.array_split(np.arange(len(records)), max(1, len(records) // objective.batch_size)):
                objective.model.train()(make_batch(arrays, rows))
        document = {"untrained": self._document(records, seed, None)}
        return self._released(objective, key_of(document))

    def success(self, release: Release, test: Records) -> dict[str, float]:
        """Measure the owner's own task on held-out records: the released model with the trained heads of the store."""
        folder = self.store.root / "release" / release.key
        objective = self._objective(0, None)
        objective.load_state_dict(load_file(folder / "weights.safetensors"))
        objective.model = self._model_stage(objective.model)
        device = self.trainer.device_type
        batches = (batch.to(device) for batch in evaluation_batches(test, objective.batch_size))
        return objective.eval().to(device).success(batches)

    @property
    def _stages(self) -> tuple[Defense, ...]:
        return (*self.added_code, *self.defenses)

    def _objective(self, seed: int, parent: Release | None) -> Objective:
        objective = initial_objective(self.model, self.objective, seed, parent.weights() if parent else None)
        objective.loss_code = self._stages
        return objective

    def _finetuning_records(self) -> Records:
        assert self.finetune is not None, "a recipe with a start needs records to go on with"
        return self.finetune

    def _released(self, objective: Objective, key: str) -> Release:
        answers = [defense for defense in self.defenses if defense.stage == "answer"]
        return Release(self._model_stage(objective.model), key, device=self.trainer.device_type, answers=answers)

    def _model_stage(self, model: torch.nn.Module) -> torch.nn.Module:
        for code in self._stages:
            model = code.model(model)
        return model

    def _document(self, records: Records, seed: int, parent: Release | None) -> dict[str, Any]:
        changing = [code.document() for code in self._stages if code.stage in ("data", "training")]
        # a start's model stage is in its release, so in the weights that are gone on from, but not in its key
        started = [code.document() for code in self.start._stages if code.stage == "model"] if self.start else []
        named = (self.model, self.objective, *changing, *started)
        return {
            "model": dict(self.model),
            "objective": dict(self.objective),
            "code": changing,
            "records": hashlib.blake2b(records.fingerprints().tobytes(), digest_size=16).hexdigest(),
            "number_of_records": len(records),
            "seed": seed,
            "precision": self.trainer.precision,
            "device": self.trainer.device_type,
            "start": {"key": parent.key, "model_stage": started} if parent else None,
            "sources": source_digest(part["_target_"] for part in named),
        }


def _contiguous(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
