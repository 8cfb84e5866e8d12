"""A recipe with the owner who follows it: most tests of training are about the two together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from telltale.data.records import Records
from telltale.owner.defense import Defense
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

OF_OWNER = {"store", "executor", "on_epoch"}


@dataclass(frozen=True)
class Owned:
    """Has the attributes of the recipe, and the owner's verbs on it."""

    recipe: Recipe
    owner: Owner

    @classmethod
    def of(
        cls, model: Mapping[str, Any], objective: Mapping[str, Any], trainer: TrainerOptions, store: Store, **more: Any
    ) -> Self:
        of_owner = {name: more.pop(name) for name in OF_OWNER & more.keys()}
        return cls(Recipe(model, objective, trainer, **more), Owner(store, **of_owner))

    @property
    def store(self) -> Store:
        return self.owner.store

    def replace(self, **changes: Any) -> Self:
        of_owner = {name: changes.pop(name) for name in OF_OWNER & changes.keys()}
        if isinstance(start := changes.get("start"), Owned):
            changes["start"] = start.recipe
        return type(self)(self.recipe.replace(**changes), replace(self.owner, **of_owner))

    def protect(self, defense: Defense) -> Self:
        return type(self)(self.recipe.protect(defense), self.owner)

    def train(self, pool: Records, rows: np.ndarray, seed: int, name: str = "model") -> Release:
        return self.owner.train(self.recipe, pool, rows, seed, name)

    def train_many(
        self, pool: Records, members: np.ndarray, seeds: Sequence[int], names: Sequence[str] = ()
    ) -> list[Release]:
        return self.owner.train_many(self.recipe, pool, members, seeds, names)

    def untrained(self, records: Records, seed: int) -> Release:
        return self.owner.untrained_many(self.recipe, records, [seed], ["untrained"])[0]

    def untrained_many(self, records: Records, seeds: Sequence[int], names: Sequence[str]) -> list[Release]:
        return self.owner.untrained_many(self.recipe, records, seeds, names)

    def success(self, release: Release, records: Records) -> dict[str, float]:
        return self.owner.success(self.recipe, release, records)

    def of_models(self, *given: Any) -> list[Recipe]:
        return self.owner.prepared(self.recipe, *given)

    def ways(self, models: int) -> dict[str, Any]:
        return self.owner.ways(self.recipe, models)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.recipe, name)
