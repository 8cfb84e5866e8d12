"""Fleets against training one model after the other, side by side: ways take turns, medians of ratios."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scripts.bench import purchases
from telltale.data.images import fashion_mnist
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

THREADS = 2


def shadow_models(models: int = 64, peers: int = 4, repeats: int = 3) -> dict[str, Any]:
    """Train Purchase-like shadow models all ways: for each way its seconds a model, ratio to the fleet, accuracy."""
    pool, test = purchases.made_up()
    ways: dict[str, purchases.Trained] = {"fleet": purchases.fleet, **purchases.PEERS}
    if find_spec("art") is None:
        print('ART is left out: pip install "telltale[bench]"', file=sys.stderr)
        ways = {name: train for name, train in ways.items() if train is not purchases.art_shadow_models}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    accuracies: dict[str, float] = {}
    with _quiet(), threads():
        for _ in range(repeats):
            for name, train in ways.items():
                with tempfile.TemporaryDirectory() as folder:
                    taken, accuracies[name] = train(models if name == "fleet" else peers, pool, test, Path(folder))
                seconds[name].append(taken)
    ours = np.array(seconds["fleet"])
    rows = {
        name: {
            "seconds": float(np.median(taken)),
            "ratio": float(np.median(np.array(taken) / ours)),
            "accuracy": accuracies[name],
        }
        for name, taken in seconds.items()
    }
    return {"models": models, "peers": peers, "repeats": repeats, "ways": rows}


def small_cnns(models: int = 8, members: int = 500, epochs: int = 20, repeats: int = 3) -> dict[str, Any]:
    """Train conf/model/cnn.yaml at scale=small on Fashion-MNIST as a fleet, and one by one."""
    records = fashion_mnist.load().records
    pool, test = records.take(np.arange(2 * members)), records.take(np.arange(8_000, 10_000))
    rows = np.stack([np.random.default_rng(k).permutation(2 * members) < members for k in range(models)])
    model = {"_target_": "telltale.models.cnn.CNN", "channels": [16, 32], "width": 64, "shape": records.shape}
    objective = {"_target_": "telltale.objectives.classification.Classification", "classes": 10, "epochs": epochs}
    objective |= {"batch_size": 64, "learning_rate": 0.05, "weight_decay": 0.0005}
    results: dict[str, list[tuple[float, float]]] = {"fleet": [], "one Lightning fit a model": []}
    with _quiet(), threads():
        for _ in range(repeats):
            for way, taken in results.items():
                with tempfile.TemporaryDirectory() as folder:
                    recipe, owner = Recipe(model, objective, TrainerOptions("cpu")), Owner(Store(Path(folder)))
                    began = time.perf_counter()
                    if way == "fleet":
                        releases = owner.train_many(recipe, pool, rows, list(range(models)))
                    else:
                        releases = [owner.train(recipe, pool, np.flatnonzero(rows[k]), k) for k in range(models)]
                    seconds = (time.perf_counter() - began) / models
                    right = [(release.probabilities(test).argmax(1) == test.labels).mean() for release in releases]
                taken.append((seconds, float(np.mean(right))))
    ours = np.array([seconds for seconds, _ in results["fleet"]])
    return {
        way: {
            "seconds": float(np.median([seconds for seconds, _ in taken])),
            "ratio": float(np.median(np.array([seconds for seconds, _ in taken]) / ours)),
            "accuracy": taken[-1][1],
        }
        for way, taken in results.items()
    }


def in_turn(ways: dict[str, Callable[[], Any]], repeats: int) -> dict[str, np.ndarray]:
    """Time every way `repeats` times, taking turns, after a first time that warms up: seconds by way."""
    seconds = {name: np.empty(repeats) for name in ways}
    for repeat in range(-1, repeats):
        for name, run in ways.items():
            began = time.perf_counter()
            run()
            if repeat >= 0:
                seconds[name][repeat] = time.perf_counter() - began
    return seconds


@contextmanager
def _quiet() -> Iterator[None]:
    log = logging.getLogger("telltale")
    level, log.level = log.level, logging.ERROR
    try:
        yield
    finally:
        log.level = level


@contextmanager
def threads() -> Iterator[None]:
    """Compute on THREADS threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)
