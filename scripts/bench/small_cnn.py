"""Short fleets of small convolutional networks against plain loops over records in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from scripts.bench.in_memory import store_seconds, timed
from telltale.data.images import fashion_mnist
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

MODELS, MEMBERS, BATCH = 8, 500, 64
OURS, LOOP, FUSED = (
    "ours, `train_many` less the store's writing",
    "PyTorch loop, records in memory",
    "the same, fused optimiser",
)


def measure(epochs: int, repeats: int) -> dict[str, dict[str, float]]:
    """Train conf/model/cnn.yaml at scale=small on Fashion-MNIST, ways in turn: seconds a model, ratios, accuracy."""
    records = fashion_mnist.load().records
    pool, test = records.take(np.arange(2 * MEMBERS)), records.take(np.arange(8_000, 10_000))
    rows = np.stack([np.random.default_rng(k).permutation(2 * MEMBERS) < MEMBERS for k in range(MODELS)])
    model = {"_target_": "telltale.models.cnn.CNN", "channels": [16, 32], "width": 64, "shape": records.shape}
    objective = {"_target_": "telltale.objectives.classification.Classification", "classes": 10, "epochs": epochs}
    objective |= {"batch_size": BATCH, "learning_rate": 0.05, "weight_decay": 0.0005}
    recipe = Recipe(model, objective, TrainerOptions("cpu"))
    taken: dict[str, list[tuple[float, float, float]]] = {OURS: [], LOOP: [], FUSED: []}
    _ours(recipe, pool, rows, test)  # libraries are loaded
    for _ in range(repeats):
        taken[OURS].append(_ours(recipe, pool, rows, test))
        taken[LOOP].append(_loop(recipe, pool, rows, test, fused=False))
        taken[FUSED].append(_loop(recipe, pool, rows, test, fused=True))
    first = np.array(taken[OURS])
    names = ("seconds", "cpu", "accuracy", "ratio", "cpu_ratio")
    return {
        name: dict(zip(names, (*np.median(runs, 0), *np.median(np.array(runs)[:, :2] / first[:, :2], 0)), strict=True))
        for name, runs in taken.items()
    }


def _ours(recipe: Recipe, pool: Any, rows: np.ndarray, test: Any) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder, store_seconds() as spent:
        owner = Owner(Store(Path(folder)))
        wall, cpu, releases = timed(lambda: owner.train_many(recipe, pool, rows, list(range(MODELS))))
        right = [(release.probabilities(test).argmax(1) == test.labels).mean() for release in releases]
        return (wall - spent[0]) / MODELS, (cpu - spent[1]) / MODELS, float(np.mean(right))


def _loop(recipe: Recipe, pool: Any, rows: np.ndarray, test: Any, fused: bool) -> tuple[float, float, float]:
    pixels, labels = (torch.from_numpy(array) for array in (pool.pixels, pool.labels))
    inputs, networks = pixels.float() / (255 if pixels.dtype == torch.uint8 else 1), []

    def train() -> None:
        for model, row in enumerate(rows):
            objective: Any = recipe.objective_for(model)
            network, members = objective.model, np.flatnonzero(row)
            options = {"momentum": objective.momentum, "weight_decay": objective.weight_decay, "fused": fused}
            optimizer = torch.optim.SGD(network.parameters(), lr=objective.learning_rate, **options)
            for epoch in range(objective.epochs):
                for group in optimizer.param_groups:
                    group["lr"] = objective.learning_rate * objective.rate_at(epoch)
                order = torch.from_numpy(np.random.default_rng([model, epoch]).permutation(members))
                for own in order.tensor_split(round(MEMBERS / BATCH)):
                    optimizer.zero_grad()
                    cross_entropy(network(inputs[own]), labels[own]).backward()
                    optimizer.step()
            networks.append(network)

    wall, cpu, _ = timed(train)
    pictures = torch.from_numpy(test.pixels)
    pictures = pictures.float() / (255 if pictures.dtype == torch.uint8 else 1)
    with torch.no_grad():
        right = [(network.eval()(pictures).argmax(1).numpy() == test.labels).mean() for network in networks]
    return wall / MODELS, cpu / MODELS, float(np.mean(right))
