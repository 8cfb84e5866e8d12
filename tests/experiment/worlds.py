"""What the games of several tests are made of: a small encoder, its objective, and a recipe that learns nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.data.records import Records
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release

GIN = {"_target_": "telltale.models.gin.GIN", "layers": 2, "width": 16}
INFOGRAPH = {
    "_target_": "telltale.objectives.infograph.InfoGraph",
    "epochs": 1,
    "batch_size": 64,
    "learning_rate": 0.001,
}


class InitialWeights(Recipe):
    """A recipe whose releases are drawn from the seed alone: no record plays a part."""

    def train_many(self, pool: Records, memberships: np.ndarray, seeds: Any, names: Any = None) -> list[Release]:
        return [self.untrained(pool.take(np.arange(64)), seed) for seed in seeds]
