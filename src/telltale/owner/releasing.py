"""From an entry of the store to what the world gets: a network behind its calls, and records that are published."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from telltale.data.records import Records
from telltale.owner.defense import Defense
from telltale.owner.frozen_features import as_model_input
from telltale.owner.identity import fingerprint_of, key_of_release
from telltale.owner.preparation import training_records
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store


def release_of(
    recipe: Recipe,
    store: Store,
    folder: Path,
    seed: int,
    name: str,
    source: tuple[Records, np.ndarray] | None = None,
) -> Release:
    """Release the model in `folder` by its own recipe; source: pool and rows it was trained on, None = none is told."""
    shown = partial(_published, source, recipe.stages, seed) if source and recipe.publishes else None
    return Release(
        partial(_network, recipe, store, folder.name, seed),  # no closure: a parent goes to other processes
        key_of_release(recipe, folder.name),
        entry=folder.name,
        device=recipe.trainer.device_type,
        answers=[defense for defense in recipe.defenses if defense.stage == "answer"],
        store=store,
        name=name,
        published=shown,
        as_input=partial(as_model_input, recipe, store),
        fingerprint=partial(fingerprint_of, recipe, store, folder.name),
        sources=tuple(entry for code in recipe.defenses for entry in code.sources),
    )


def parent_elsewhere(recipe: Recipe, store: Store, parent: Release | None) -> Release | None:
    """Return a release of the recipe's start as another process finds it in the store."""
    if parent is None or recipe.start is None:
        return None
    there = store.detached()
    return release_of(recipe.start.detached(), there, there.entry("release", parent.entry), 0, parent.name)


def as_released(model: nn.Module, stages: Sequence[Defense]) -> nn.Module:
    """Return the network as the model stage leaves it."""
    for code in stages:
        model = code.model(model)
    return model


def _network(recipe: Recipe, store: Store, entry: str, seed: int) -> nn.Module:
    return as_released(recipe.loaded(store.weights(entry), seed).model, recipe.stages)


def _published(source: tuple[Records, np.ndarray], stages: Sequence[Defense], seed: int) -> Records:
    pool, rows = source
    return training_records(pool.take(rows), stages, seed)
