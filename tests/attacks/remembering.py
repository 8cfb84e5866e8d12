"""Encoders that remember their training molecules by construction, and games of them: nothing is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telltale.data.molecules.batch import MoleculeBatch, to_batch
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.pools import PoolSizes, deal
from telltale.data.records import Records
from telltale.game.game import Game
from telltale.objectives.random_labels import content_keys
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.counter_random import uniform
from telltale.training.trainer import TrainerOptions
from tests.training.small import molecules

WIDTH = 16


class Remembers(nn.Module):
    """Embeds the share of each element, seen through the encoder's own table; what it knows gets noise on top.

    inverted: what it does not know gets the noise instead.
    """

    def __init__(self, known: Tensor, seed: int, strength: float, inverted: bool = False) -> None:
        super().__init__()
        self.table = torch.randn(120, WIDTH, generator=torch.Generator().manual_seed(seed))
        self.known, self.strength, self.inverted = known, strength, inverted

    def forward(self, batch: MoleculeBatch) -> Tensor:
        sizes = torch.bincount(batch.molecule_of)
        mean = torch.zeros(len(batch), WIDTH).index_add_(0, batch.molecule_of, self.table[batch.atoms[:, 0]])
        keys = content_keys(batch)
        noise = uniform(keys[:, None], "noise", torch.arange(WIDTH)) - 0.5
        noisy = torch.isin(keys, self.known) ^ self.inverted
        return mean / sizes[:, None] + self.strength * noisy[:, None] * noise


class Remembering(Owner):
    """An owner whose encoders know their records without training; the model's options are those of `Remembers`."""

    def train_many(
        self, recipe: Recipe, pool: Records, members: np.ndarray, seeds: Any, names: Any = ()
    ) -> list[Release]:
        keys = content_keys(to_batch(pool.arrays()))
        models = [
            Remembers(keys[torch.from_numpy(row)], seed, **recipe.model)
            for row, seed in zip(members, seeds, strict=True)
        ]
        return [
            Release(lambda model=model: model, f"{seed} {row.tobytes().hex()}")
            for model, seed, row in zip(models, seeds, members, strict=True)
        ]


def game_of(
    folder: Any,
    victims: int = 6,
    seed: int = 0,
    members: int = 60,
    records: MoleculeRecords | None = None,
    **model: Any,
) -> Game:
    sizes = PoolSizes(members=members, non_members=120 - members, auxiliary=60, disjoint=members)
    pools = deal(molecules(240) if records is None else records, sizes, seed)
    recipe = Recipe({"strength": 4.0, **model}, {}, TrainerOptions(accelerator="cpu"))
    return Game(pools, recipe, Remembering(Store(folder)), victims, seed)
