"""How well released models do what their owners trained them for, all defences included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release

ANSWERS = frozenset({"probabilities"})


def success(
    owner: Owner, recipe: Recipe, releases: Sequence[Release], pool: Any, members: np.ndarray, test: Any
) -> dict[str, float]:
    """Average over models how well a recipe's task is learned: members: (models, records), what each learned from."""
    if not len(test):
        return {}
    few = releases[: len(members)]
    if not recipe.supervised:
        tested = mean_of([owner.success(recipe, release, test) for release in few])
        if not recipe.answers:
            return tested
        pairs = zip(few, members, strict=True)
        trained = mean_of([owner.success(recipe, release, pool.take(row)) for release, row in pairs])
        return tested | {f"train_{name}": value for name, value in trained.items()}
    open_releases = [release.restricted(ANSWERS) for release in few]
    tested = mean_of([classified(release.probabilities(test), test.labels) for release in open_releases])
    pairs = zip(open_releases, members, strict=True)
    trained = mean_of([classified(release.probabilities(pool)[row], pool.labels[row]) for release, row in pairs])
    return tested | {f"train_{name}": value for name, value in trained.items()} | commonest(test.labels)


def commonest(labels: np.ndarray) -> dict[str, float]:
    """Return the accuracy of a guess that names the commonest class always: labels (records,) whole numbers.

    >>> commonest(np.array([0, 2, 2, 1]))
    {'commonest_class': 0.5}
    """
    return {"commonest_class": float(np.bincount(labels).max() / len(labels))}


def classified(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Measure what users of a classifier get, all defences included: accuracy and mean cross-entropy."""
    of_label = np.take_along_axis(probabilities, labels[:, None], 1)[:, 0]
    loss = -np.log(np.maximum(of_label, 1e-30)).mean()
    return {"accuracy": float((probabilities.argmax(1) == labels).mean()), "loss": float(loss)}


def mean_of(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    """Average each of several models' numbers."""
    return {name: float(np.mean([numbers[name] for numbers in measured])) for name in measured[0]}
