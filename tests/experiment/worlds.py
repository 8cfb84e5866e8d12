"""What the games of several tests are made of: a small encoder, its objective, and a recipe that learns nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.data.records import Records
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release

GIN = {"_target_": "telltale.models.gin.GIN", "layers": 2, "width": 16}
INFOGRAPH = {
    "_target_": "telltale.objectives.infograph.InfoGraph",
    "epochs": 1,
    "batch_size": 64,
    "learning_rate": 0.001,
}


class InitialWeights(Owner):
    """An owner whose releases are drawn from the seed alone: no record plays a part."""

    def train_many(
        self, recipe: Recipe, pool: Records, members: np.ndarray, seeds: Any, names: Any = ()
    ) -> list[Release]:
        few = pool.take(np.arange(64))
        return [self.untrained_many(recipe, few, [seed], ["untrained"])[0] for seed in seeds]
