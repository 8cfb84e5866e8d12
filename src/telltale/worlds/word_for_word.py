"""Captioners that repeat a true caption of every training picture: the most that an attack on captions could find."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from telltale.data.captions.records import CaptionedImages
from telltale.data.images.records import pixel_digests
from telltale.data.seeds import derive, generator
from telltale.errors import InputError
from telltale.game.game import Game, World
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.worlds.variants import Variant

ALIKE = "word_for_word_taught"


class WordForWord(Variant):
    """Victims that say a member's first caption, and of any other picture the first caption of some member.

    An attack that finds nothing here is blind on this data, whatever a trained captioner remembers. `word_for_word`:
    taught by the shadows that it trains in front of the target too; `word_for_word_taught`: by shadows that repeat
    word for word as well, so that its decision is made for such models.
    """

    def check(self, game: Game) -> None:
        """Refuse, by InputError, records without captions."""
        if not isinstance(game.pools.challenge, CaptionedImages):
            raise InputError("variants", "word_for_word", "needs pictures with captions, e.g. attack=m4i_metric")

    def releases(self, game: Game) -> Mapping[str, Sequence[Release]]:
        """Return them, one a victim; nothing is trained."""
        victims = game.victims_of_owner()
        told = [repeating(game.pools.challenge.take(rows), derive(seed, "word for word")) for rows, seed in victims]
        return {"word_for_word": told, ALIKE: told}

    def world(self, game: Game, name: str, releases: Sequence[Release], access: frozenset[str]) -> World:
        """Return their world; the attacker's own shadows repeat too where they are to teach it so."""
        world = game.world_of(releases, access)
        if name != ALIKE:
            return world
        fields = dataclasses.fields(game.recipe)
        return world.with_recipe(RepeatingRecipe(**{one.name: getattr(game.recipe, one.name) for one in fields}))


class RepeatingRecipe(Recipe):
    """A recipe whose captioners know their records by heart, without training."""

    def train_many(
        self, pool: Any, memberships: np.ndarray, seeds: Sequence[int], names: Sequence[str] | None = None
    ) -> list[Release]:
        """Return a captioner that repeats for each row of `memberships` (models, records)."""
        return [repeating(pool.take(row), seed) for row, seed in zip(memberships, seeds, strict=True)]


def repeating(members: CaptionedImages, seed: int) -> Release:
    """Release a captioner that repeats members' captions."""
    model = Repeats(members, seed)
    return Release(lambda: model, f"word for word {seed}")


class Repeats(nn.Module):
    """What a release asks of a captioner, answered by heart."""

    def __init__(self, members: CaptionedImages, seed: int) -> None:
        super().__init__()
        self.seed, self.texts = seed, [texts[0] for texts in members.references]
        self.known = dict(zip(pixel_digests(members.images).tolist(), self.texts, strict=True))

    def captions(self, pictures: Tensor, beam_width: int = 1) -> np.ndarray:
        """Tell a caption of each picture: (records,) of strings; the same picture gets the same one."""
        digests = pixel_digests(pictures.cpu().numpy()).tolist()
        return np.array([self.known.get(one) or self._other(one) for one in digests], dtype=str)

    def _other(self, digest: bytes) -> str:
        return self.texts[generator(self.seed, digest.hex()).integers(len(self.texts))]
