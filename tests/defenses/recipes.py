"""Small classifiers that the tests of this room share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.images import digits
from telltale.data.images.records import ImageRecords
from telltale.owner.defense import Defense
from telltale.owner.release import Release
from telltale.store.store import Store
from tests.owned import Owned
from tests.training.small import CPU

RECORDS: ImageRecords = digits.load().records.take(np.arange(400))
MODELS = 3
ROWS = np.stack([np.random.default_rng(k).permutation(400) < 90 for k in range(MODELS)])
SEEDS = list(range(MODELS))


def recipe_of(folder: Path, *defenses: Defense, **options: Any) -> Owned:
    objective = {"_target_": "telltale.objectives.classification.Classification", "classes": 10, "epochs": 5}
    objective |= {"batch_size": 30, "learning_rate": 0.02, **options}
    model = {"_target_": "telltale.models.mlp.MLP", "widths": [32], "activation": "tanh", "shape": RECORDS.shape}
    return Owned.of(model, objective, CPU, Store(folder), defenses=defenses)


def fleet(recipe: Owned) -> list[Release]:
    return recipe.train_many(RECORDS, ROWS, SEEDS)


def alone(recipe: Owned, model: int = 0) -> Release:
    return recipe.train(RECORDS, np.flatnonzero(ROWS[model]), SEEDS[model])


def logits(release: Release) -> np.ndarray:
    return np.log(release.probabilities(RECORDS))


def same_weights(one: Release, other: Release) -> bool:
    mine, theirs = one.weights(), other.weights()
    return all(np.array_equal(mine[name], theirs[name]) for name in mine)
