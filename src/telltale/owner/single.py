"""One model trained by a fit of its own, and what happens to a trained model with its training records at hand."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.owner.defense import Defense
from telltale.owner.frozen_features import as_model_input
from telltale.owner.identity import document_of, method_of
from telltale.owner.preparation import training_records
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.owner.releasing import parent_elsewhere
from telltale.store.sources import source_digest
from telltale.store.store import Store, write_weights
from telltale.threads import one_thread
from telltale.training.batches import training_loader
from telltale.training.objective import Objective
from telltale.training.private.account import write_account
from telltale.training.private.ledger import ledger_in
from telltale.training.private.settle import settle
from telltale.training.trainer import Curve

log = logging.getLogger("telltale")
SHORT = 100_000  # records times epochs of a fit that is over in seconds
FEW_CHECKPOINTS, MANY_CHECKPOINTS = 4, 20
Source = tuple[Records, np.ndarray]  # a pool, and the rows of it that a model is trained on


@dataclass(frozen=True)
class Single:
    """One model that is trained alone, on pool[rows]."""

    recipe: Recipe
    store: Store
    rows: np.ndarray
    seed: int
    name: str
    parent: Release | None
    on_epoch: Curve | None = None

    @property
    def device(self) -> str:
        """Say of which kind of device it wants one for itself."""
        return self.recipe.device_of_a_fit

    def detached(self) -> Self:
        """Return the same for another process, where nobody listens; a parent is found there in the store."""
        parent = parent_elsewhere(self.recipe, self.store, self.parent)
        return replace(self, recipe=self.recipe.detached(), store=self.store.detached(), parent=parent, on_epoch=None)

    @property
    def passes(self) -> int:
        """Say how many records it trains on in all epochs, where it computes on one thread; 0 where it does not."""
        return len(self.rows) * self.recipe.epochs_on_one_thread

    def document(self, pool: Records) -> dict[str, Any]:
        """Describe the model, as its key does."""
        fingerprints = training_records(pool.take(self.rows), (), self.seed).fingerprints()
        return document_of(self.recipe, fingerprints, self.seed, self.parent)

    def there(self, pool: Records) -> bool:
        """Say whether the store has it."""
        return self.store.find("release", self.document(pool)) is not None

    def told(self, pool: Records) -> None:
        """Tell who listens of the loss curve of a model that another process has trained."""
        folder = self.store.folder("release", self.document(pool))
        rows = [line.split(",") for line in (folder / "curve.csv").read_text(encoding="utf-8").splitlines()]
        for epoch, loss in rows:
            if self.on_epoch:
                self.on_epoch({f"{self.name}/loss": float(loss)}, int(epoch))
        if rows:
            log.info(f"trained {self.name}: epoch {rows[-1][0]}, loss {float(rows[-1][1]):.3f}")

    def __call__(self, pool: Records) -> str:
        """Train it, or find it, and return its key."""
        source, document = pool.take(self.rows), self.document(pool)

        def make(entry: Path, partial: Path) -> None:
            objective = self.recipe.objective_for(self.seed, self.parent.weights() if self.parent else None)
            records = as_model_input(self.recipe, self.store, training_records(source, self.recipe.stages, self.seed))
            train(self.recipe, self.store, objective, records, self.seed, partial, self.name, self.on_epoch)
            curve = (partial / "curve.csv").read_text(encoding="utf-8")
            write_release(self.store, TrainedState(objective.state_dict(), curve, len(records), self.parent), entry)

        return self.store.find_or_make("release", document, make)[0].name


def train(
    recipe: Recipe,
    store: Store,
    objective: Objective,
    records: Records,
    seed: int,
    partial: Path,
    name: str,
    on_epoch: Curve | None,
    checkpoints: int | None = None,
) -> None:
    """Train an objective on records in place; `partial` keeps checkpoints and the loss curve.

    checkpoints: about how many; None = as many as a fit of this length is worth.
    """
    from telltale.training.fit import fit  # brings Lightning, which a rerun from the store does without

    for code in objective.loss_code:
        code.begin(objective, records)
    if objective.validation_records is not None:
        objective.validation_records = as_model_input(recipe, store, objective.validation_records)
    innermost = recipe.trainer.device_type == "cpu" and convolves(objective)
    targets = objective.targets(records)
    objective.take_note(targets)
    loader = training_loader(records, objective.batch_size, seed, targets, innermost)
    if objective.private:
        settle(objective, loader.dataset, store, method_of(recipe), recipe.trainer.device_type)
    times = checkpoints or (MANY_CHECKPOINTS if len(records) * objective.epochs > SHORT else FEW_CHECKPOINTS)
    with one_thread() if recipe.epochs_on_one_thread else nullcontext():
        fit(objective, loader, seed, recipe.trainer, partial, name, on_epoch, times)


def convolves(objective: Objective) -> bool:
    """Say whether it is faster where pictures have their channels innermost; what is private may misread them so."""
    return not objective.private and any(isinstance(module, torch.nn.Conv2d) for module in objective.modules())


@dataclass(frozen=True)
class TrainedState:
    """What training leaves: an objective's state, its loss curve, how many records it saw, what it started from."""

    state: Mapping[str, torch.Tensor]
    curve: str
    record_count: int
    parent: Release | None = None


def write_release(store: Store, trained: TrainedState, entry: Path) -> None:
    """Write what was trained into an entry of the store."""
    write_weights(entry, trained.state)
    (entry / "curve.csv").write_text(trained.curve, encoding="utf-8")
    start = store.entry("release", trained.parent.entry) if trained.parent else None
    write_account(entry, ledger_in(trained.state), trained.record_count, start)


def finished(
    recipe: Recipe, store: Store, folder: Path, source: Source, seed: int, name: str, on_epoch: Curve | None
) -> Path:
    """Return the entry of the model in `folder` as all code of the finish stage leaves it, each an entry of its own."""
    for code in recipe.stage("finish"):
        folder = _finished_by(code, recipe, store, folder, source, seed, name, on_epoch)
    return folder


def _finished_by(
    code: Defense,
    recipe: Recipe,
    store: Store,
    folder: Path,
    source: Source,
    seed: int,
    name: str,
    on_epoch: Curve | None,
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
        objective = recipe.loaded(store.weights(folder.name), seed)
        if trusted:
            objective.loss_code = [other for other in objective.loss_code if other not in recipe.added_code]
        pool, rows = source
        records = training_records(pool.take(rows), recipe.defenses if trusted else recipe.stages, seed)
        records = as_model_input(recipe, store, records)
        own_seed = derive(seed, f"finish by {type(code).__name__}")

        fits: list[Path] = []  # each in a folder of its own: a fit goes on from what lies in its own

        def go_on() -> None:
            fits.append(partial / f"fit {len(fits)}" if fits else partial)
            fits[-1].mkdir(exist_ok=True)
            train(recipe, store, objective, records, own_seed, fits[-1], name, on_epoch, checkpoints=1)

        code.finish(objective, records, go_on)
        curves = [folder / "curve.csv" for folder in fits]
        text = "".join(curve.read_text(encoding="utf-8") for curve in curves if curve.exists())
        write_release(store, TrainedState(objective.state_dict(), text, len(records)), entry)

    return store.find_or_make("release", document, make)[0]
