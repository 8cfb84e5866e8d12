"""Molecule encoders: a step with atoms that look alike computed once or each, and whole fits against bare steps."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scripts.bench.command import timed
from telltale.data.molecules import b3db
from telltale.data.molecules.records import MoleculeRecords
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.papers.grid_view import markdown
from telltale.store.store import Store
from telltale.threads import one_thread
from telltale.training.batches import LabelledBatch, training_loader
from telltale.training.trainer import TrainerOptions

LAYERS, WIDTH, BATCH, EPOCHS = 3, 128, 64, 20
OBJECTIVES: dict[str, dict[str, Any]] = {
    "InfoGraph": {"_target_": "telltale.objectives.infograph.InfoGraph", "learning_rate": 0.001},
    "classification": {
        "_target_": "telltale.objectives.classification.Classification",
        "learning_rate": 0.05,
        "classes": 2,
    },
}
ENCODERS = {"gin": "GIN", "gcn": "GCN", "gat": "GAT", "graphsage": "GraphSAGE"}


def recipe_of(objective: str, encoder: str = "gin") -> Recipe:
    """Return the recipe of one encoder."""
    network = {"_target_": f"telltale.models.{encoder}.{ENCODERS[encoder]}", "layers": LAYERS, "width": WIDTH}
    task = {"epochs": EPOCHS, "batch_size": BATCH, **OBJECTIVES[objective]}
    return Recipe(network, task, TrainerOptions(accelerator="cpu"))


def steps(pool: MoleculeRecords, objective: str, encoder: str = "gin", rounds: int = 3) -> dict[str, float]:
    """Return milliseconds of a training step on one thread, both ways in turn on the same batches: medians."""
    recipe = recipe_of(objective, encoder)
    ways = {"once": recipe.objective_for(0).train(), "each": recipe.objective_for(0).train()}
    loader = training_loader(pool, BATCH, 0, ways["once"].targets(pool))
    optimizers = {name: way.optimizer_over([*way.parameters()]) for name, way in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    with one_thread():
        for epoch in range(rounds):
            loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
            for batch in loader:
                for name, way in ways.items():
                    served = batch if name == "once" else apart(batch)
                    began = time.thread_time()  # of the one thread: whoever else computes changes it least
                    loss = way.training_step(served, 0)
                    optimizers[name].zero_grad()
                    loss.backward()
                    optimizers[name].step()
                    times[name].append(1000 * (time.thread_time() - began))
    return {name: statistics.median(of) for name, of in times.items()}


def apart(batch: Any) -> Any:
    """Return a batch of which each atom is computed."""
    if isinstance(batch, LabelledBatch):
        return LabelledBatch(batch.inputs.apart(), batch.labels, batch.keys)
    return batch.apart()


def fits(pool: MoleculeRecords, objective: str, models: int, molecules: int) -> dict[str, float]:
    """Return seconds of a whole fleet from nothing, of processors too, and of its bare steps on one thread."""
    recipe = recipe_of(objective)
    rows = np.stack([np.random.default_rng(k).permutation(len(pool)) < molecules for k in range(models)])
    with tempfile.TemporaryDirectory() as folder:
        began, busy = time.perf_counter(), _busy()
        Owner(Store(Path(folder))).train_many(recipe, pool, rows, range(models))
        whole, used = time.perf_counter() - began, _busy() - busy
    bare = steps(pool.take(np.flatnonzero(rows[0])), objective)["once"] / 1000
    number = models * EPOCHS * round(molecules / BATCH)
    return {"seconds": whole, "processors": used, "bare": bare * number}


def measure(models: int = 16, sizes: Sequence[int] = (300, 1000)) -> dict[str, Any]:
    """Measure steps of all encoders, and fleets of GINs."""
    with tempfile.TemporaryDirectory() as cache:
        pool = b3db.load(cache=cache).records.take(np.arange(2000))
        pool.arrays()
        found: dict[str, Any] = {"models": models, "steps": {}, "fits": {}}
        for encoder in ENCODERS:
            for objective in OBJECTIVES:
                found["steps"][encoder, objective] = steps(pool, objective, encoder, 1)
        for objective in OBJECTIVES:
            for molecules in sizes:
                found["fits"][objective, molecules] = fits(pool, objective, models, molecules)
    return found


def lira(victims: int = 8) -> float:
    """Return the seconds of the likelihood-ratio attack on GINs from an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        words = ("attack=lira", "model=gin", "dataset=b3db", f"victims={victims}", "logger=none")
        return timed([*words, f"paths.outputs={folder}", f"hydra.run.dir={folder}/run"])


def section() -> str:
    """Return the section of docs/benchmarks.md."""
    found, victims = measure(), 8
    steps_head = ["a step on one thread", "atoms that look alike once", "each atom", "times ours"]
    steps_rows = [
        [f"{encoder}, {objective}", f"{of['once']:.1f} ms", f"{of['each']:.1f} ms", f"{of['each'] / of['once']:.2f}"]
        for (encoder, objective), of in found["steps"].items()
    ]
    fits_head = [f"{found['models']} GINs from nothing", "whole", "of processors", "bare steps", "processors / bare"]
    fits_rows = [
        [
            f"{objective}, {molecules:,} molecules",
            f"{of['seconds']:.1f} s",
            f"{of['processors']:.1f} s",
            f"{of['bare']:.1f} s",
            f"{of['processors'] / of['bare']:.2f}",
        ]
        for (objective, molecules), of in found["fits"].items()
    ]
    return (
        f"## Molecule encoders\n\n{LAYERS} layers of width {WIDTH}, batches of {BATCH} molecules of B3DB, "
        f"{EPOCHS} epochs; both ways of a step in turn, medians; `torch` on {torch.get_num_threads()} threads for "
        f"itself, {os.cpu_count()} cores.\n\n{markdown([steps_head, *steps_rows])}\n\n"
        f"{markdown([fits_head, *fits_rows])}\n\n`attack=lira model=gin dataset=b3db victims={victims}` from an empty "
        f"store: {lira(victims):.0f} s.\n"
    )


def _busy() -> float:
    """Return the seconds of processors that this process and its ended workers have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
