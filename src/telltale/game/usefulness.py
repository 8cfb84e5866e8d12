"""How well released models do what their owners trained them for, all defences included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from telltale.owner.recipe import Recipe
from telltale.owner.release import Release

ANSWERS = frozenset({"probabilities"})


def success(recipe: Recipe, releases: Sequence[Release], pool: Any, rows: np.ndarray, test: Any) -> dict[str, float]:
    """Average over models how well a recipe's task is learned: rows (models, records) say what each learned from."""
    if not len(test):
        return {}
    few = releases[: len(rows)]
    if not recipe.supervised:
        tested = mean_of([recipe.success(release, test) for release in few])
        if not recipe.answers:
            return tested
        pairs = zip(few, rows, strict=True)
        own = mean_of([recipe.success(release, pool.take(row)) for release, row in pairs])
        return tested | {f"train_{name}": value for name, value in own.items()}
    open_ones = [release.restricted(ANSWERS) for release in few]
    tested = mean_of([classified(release.probabilities(test), test.labels) for release in open_ones])
    pairs = zip(open_ones, rows, strict=True)
    own = mean_of([classified(release.probabilities(pool)[row], pool.labels[row]) for release, row in pairs])
    return tested | {f"train_{name}": value for name, value in own.items()}


def classified(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Measure what users of a classifier get, all defences included: accuracy and mean cross-entropy."""
    own = np.take_along_axis(probabilities, labels[:, None], 1)[:, 0]
    loss = -np.log(np.maximum(own, 1e-30)).mean()
    return {"accuracy": float((probabilities.argmax(1) == labels).mean()), "loss": float(loss)}


def mean_of(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    """Average each of several models' numbers."""
    return {name: float(np.mean([one[name] for one in measured])) for name in measured[0]}
