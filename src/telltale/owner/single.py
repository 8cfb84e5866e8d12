"""One fit of a recipe, and what happens to the trained model afterwards with its training records at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.owner.defense import Defense
from telltale.owner.frozen_features import fed
from telltale.owner.identity import method_of
from telltale.owner.preparation import training_records
from telltale.store.sources import source_digest
from telltale.training.batches import training_loader
from telltale.training.fit import fit
from telltale.training.objective import Objective
from telltale.training.private.settle import settle

if TYPE_CHECKING:
    from telltale.owner.recipe import Recipe


def train(
    recipe: Recipe, objective: Objective, records: Records, seed: int, partial: Path, name: str, checkpoints: int = 20
) -> None:
    """Train an objective on records in place; `partial` keeps about so many checkpoints and the loss curve."""
    for code in objective.loss_code:
        code.begin(objective, records)
    loader = training_loader(records, objective.batch_size, seed, objective.targets(records))
    if objective.private:
        settle(objective, loader.dataset, recipe.store, method_of(recipe), recipe.trainer.device_type)
    fit(objective, loader, seed, recipe.trainer, partial, name, recipe.on_epoch, checkpoints)


def finished(recipe: Recipe, folder: Path, pool: Records, rows: np.ndarray, seed: int, name: str) -> Path:
    """Return the entry of the model in `folder` as all code of the finish stage leaves it, each an entry of its own."""
    for code in recipe.stage("finish"):
        folder = _finished_by(code, recipe, folder, pool, rows, seed, name)
    return folder


def _finished_by(
    code: Defense, recipe: Recipe, folder: Path, pool: Records, rows: np.ndarray, seed: int, name: str
) -> Path:
    """Return the entry of the model in `folder` as `code` leaves it: found in the store, or made.

    The owner's code is trusted: while it trains, what an attacker added to loss and records plays no part.
    """
    trusted = code in recipe.defenses
    document = {
        "finishes": folder.name,
        "code": code.document(),
        "trusted": trusted,
        "sources": source_digest([code.document()["_target_"]]),
    }

    def make(entry: Path, partial: Path) -> None:
        objective = recipe.loaded(folder, seed)
        if trusted:
            objective.loss_code = [one for one in objective.loss_code if one not in recipe.added_code]
        records = training_records(pool.take(rows), recipe.defenses if trusted else recipe.stages, seed)
        records = fed(recipe, records)
        own_seed = derive(seed, f"finish by {type(code).__name__}")
        code.finish(
            objective, records, lambda: train(recipe, objective, records, own_seed, partial, name, checkpoints=1)
        )
        curve = partial / "curve.csv"
        recipe.write(entry, objective.state_dict(), curve.read_text() if curve.exists() else "", len(records), None)

    return recipe.store.find_or_make("release", document, make)[0]


def require_finishable(recipe: Recipe) -> None:
    """Refuse, by InputError, private training whose records are used again afterwards; ends with initial options."""
    if recipe.initial().private and (code := recipe.stage("finish")):
        told = f"{type(code[0]).__name__} goes on with the records after private training, which voids its guarantee"
        raise InputError("defense", "private training", f"{told}; use post-training quantization")
