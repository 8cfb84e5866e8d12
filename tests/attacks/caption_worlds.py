"""Captioners that repeat what they were trained with by construction, and games of them: nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from telltale.data.captions.pools import deal_by_concept
from telltale.data.captions.records import CaptionedImages
from telltale.data.images.records import pixel_digests
from telltale.data.pools import PoolSizes
from telltale.game.game import Game
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1), "black": (0, 0, 0)}
SIDE = 8
MODEL = {"_target_": "telltale.models.captioner.Captioner", "encoder": "residual"}


def flags(number: int, sources: int = 2, nonmember_source: str = "same", seed: int = 0) -> CaptionedImages:
    """Draw flags of two colours, left and right, and name them; the second source draws them darker.

    Each is a concept of its own; noise tells flags of the same colours apart.
    """
    rng = np.random.default_rng(seed)
    names, paint = list(COLOURS), np.array(list(COLOURS.values()), np.float32)
    chosen = rng.integers(len(names), size=(number, 2))
    halves = paint[chosen][..., None, None].repeat(SIDE, 3).repeat(SIDE // 2, 4)  # (n, 2, 3, side, side / 2)
    plain = np.concatenate([halves[:, 0], halves[:, 1]], -1)
    drawn = [(1 - source / 4) * plain + rng.normal(0, 0.1, plain.shape) for source in range(sources)]
    told = tuple((f"{names[left]} then {names[right]}", f"flag {names[left]} {names[right]}") for left, right in chosen)
    return CaptionedImages(
        np.clip(np.concatenate(drawn), 0, 1).astype(np.float32),
        told * sources,
        np.tile(np.arange(number), sources),
        np.repeat(np.arange(sources), number),
        ("first vendor", "second vendor")[:sources],
        tuple(f"flag {place}" for place in range(number)) * sources,
        "flags",
        nonmember_source,
    )


class Parrot(nn.Module):
    """Says the first caption of what it knows; of the rest, by chance, that of something else.

    remembers = False: it says so of everything.
    """

    def __init__(self, known: CaptionedImages, seed: int, remembers: bool) -> None:
        super().__init__()
        digests = pixel_digests(known.images).tolist()
        self.known = {one: texts[0] for one, texts in zip(digests, known.references, strict=True)} if remembers else {}
        self.texts, self.seed = sorted({texts[0] for texts in known.references}), seed

    def captions(self, pictures: Tensor, beam_width: int = 1) -> np.ndarray:
        digests = pixel_digests(pictures.numpy()).tolist()
        draws = [int.from_bytes(one[:4], "little") + self.seed for one in digests]
        other = [self.texts[draw % len(self.texts)] for draw in draws]
        return np.array([self.known.get(one, text) for one, text in zip(digests, other, strict=True)], dtype=str)


class Repeating(Owner):
    """An owner whose captioners know their records without training."""

    remembers = True

    def train_many(self, recipe: Recipe, pool: Any, members: np.ndarray, seeds: Any, names: Any = ()) -> list[Release]:
        parrots = [Parrot(pool.take(row), seed, self.remembers) for row, seed in zip(members, seeds, strict=True)]
        return [Release(lambda one=one: one, f"parrot {place}") for place, one in enumerate(parrots)]  # type: ignore[misc]


class Forgetting(Repeating):
    """The same without any memory."""

    remembers = False


def game(
    folder: Path,
    kind: type[Owner] = Repeating,
    nonmember_source: str = "same",
    sources: int = 2,
    seed: int = 0,
    victims: int = 1,
) -> Game:
    """Deal flags out and let one captioner be attacked, or more."""
    sizes = PoolSizes(members=80, non_members=80, auxiliary=320, population=320 * (sources > 1), disjoint=80)
    pools = deal_by_concept(flags(600, sources, nonmember_source), sizes, seed)
    recipe = Recipe(MODEL, {}, TrainerOptions(accelerator="cpu"))
    return Game(pools, recipe, kind(Store(folder)), victims, seed)
