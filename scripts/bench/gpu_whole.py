"""Whole fleets from nothing on a GPU, as an owner orders them, beside a few models that are trained alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.gpu_molecules import LAYERS, WIDTH, made_up

EPOCHS, BATCH, ALONE = 4, 64, 2
HEADS = ("from nothing", "models", "whole", "ms a model and step", f"{ALONE} models alone, ms (times)")
GRADIENT = {"epochs": EPOCHS, "batch_size": BATCH, "learning_rate": 0.05}
RECIPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "MLP 600-128-100": (
        {"_target_": "telltale.models.mlp.MLP", "widths": [128], "activation": "relu", "shape": (600,)},
        {"_target_": "telltale.objectives.classification.Classification", "classes": 100, **GRADIENT},
    ),
    f"GIN {LAYERS} × {WIDTH}, InfoGraph": (
        {"_target_": "telltale.models.gin.GIN", "layers": LAYERS, "width": WIDTH},
        {"_target_": "telltale.objectives.infograph.InfoGraph", **GRADIENT, "learning_rate": 0.001},
    ),
}


def pool_of(name: str, records: int) -> Any:
    """Make records up."""
    from telltale.data.molecules.records import MoleculeRecords, as_texts
    from telltale.data.tables.records import Column, TableRecords

    rng = np.random.default_rng(0)
    if name.startswith("GIN"):
        texts = as_texts([f"molecule {place}" for place in range(records)])
        return MoleculeRecords(texts, "made up", _origin=(made_up(records), np.arange(records)))
    classes = tuple(str(place) for place in range(100))
    columns = tuple(Column(f"bit {place}", "numeric", place, place + 1) for place in range(600))
    bits = rng.integers(2, size=(records, 600)).astype(np.float32)
    return TableRecords(bits, rng.integers(100, size=records), "made up", classes, columns)


def measure(device: str, models: int, records: int) -> list[list[str]]:
    """Train each recipe's fleet from nothing, and a few models alone: rows of a table."""
    rows = []
    for name in RECIPES:
        pool = pool_of(name, records)
        pool.fingerprints()
        pool.arrays()
        _seconds(name, pool, device, range(2))  # warms up
        whole = _seconds(name, pool, device, range(models))
        alone = sum(_seconds(name, pool, device, [seed]) for seed in range(ALONE))
        steps = EPOCHS * max(1, round(len(pool) / 2 / BATCH))
        of_fleet, of_one = (1000 * seconds / steps / number for seconds, number in ((whole, models), (alone, ALONE)))
        rows.append(
            [
                f"{name}, {EPOCHS} epochs of {steps // EPOCHS} steps",
                str(models),
                f"{whole:.3g} s",
                f"{of_fleet:.3g}",
                f"{of_one:.3g} ({of_one / of_fleet:.1f})",
            ]
        )
    return rows


def _seconds(name: str, pool: Any, device: str, seeds: Sequence[int]) -> float:
    from telltale.owner.owner import Owner
    from telltale.owner.recipe import Recipe
    from telltale.store.store import Store
    from telltale.training.trainer import TrainerOptions

    recipe = Recipe(*RECIPES[name], TrainerOptions(accelerator="gpu" if device == "cuda" else "cpu"))
    members = np.stack([np.random.default_rng(seed).permutation(len(pool)) < len(pool) // 2 for seed in seeds])
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        Owner(Store(Path(folder))).train_many(recipe, pool, members, list(seeds))
        return time.perf_counter() - began
