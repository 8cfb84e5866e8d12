"""Captioners that repeat a true caption of every training picture: the most that an attack on captions could find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from telltale.attacks.base import Attack
from telltale.data.captions.records import CaptionedImages
from telltale.data.images.records import pixel_digests
from telltale.data.seeds import derive, generator
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.game.world import World
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.worlds.other_world import OtherWorld, Releases, worlds_of

ALIKE = "word_for_word_taught"


class WordForWord(OtherWorld):
    """Victims that say a member's first caption, and of any other picture the first caption of some member.

    An attack that finds nothing here is blind on this data, whatever a trained captioner remembers. `word_for_word`:
    taught by the shadows that it trains in front of the target too; `word_for_word_taught`: by shadows that repeat
    word for word as well, so that its decision is made for such models.
    """

    def check(self, game: Game) -> None:
        """Refuse, by InputError, records without captions."""
        if not isinstance(game.pools.challenge, CaptionedImages):
            raise InputError("variants", "word_for_word", "needs pictures with captions, e.g. attack=m4i_metric")

    def releases(self, game: Game) -> Releases:
        """Return them, one a victim; nothing is trained."""
        victims = game.victims_as_trained()
        releases = [repeating(records, derive(seed, "word for word")) for records, _, seed in victims]
        return {"word_for_word": releases, ALIKE: releases}

    def worlds(self, name: str, game: Game, attack: Attack) -> Mapping[str, World]:
        """Return their worlds; the attacker's own shadows repeat too where they are to teach it so."""
        worlds = worlds_of(self.releases(game), game, attack)
        return {**worlds, ALIKE: worlds[ALIKE].with_owner(Repeating(game.owner.store))}


class Repeating(Owner):
    """An owner whose captioners know their records by heart, without training."""

    def train_many(
        self, recipe: Recipe, pool: Any, members: np.ndarray, seeds: Sequence[int], names: Sequence[str] = ()
    ) -> list[Release]:
        """Return a captioner that repeats for each row of `members` (models, records)."""
        return [repeating(pool.take(row), seed) for row, seed in zip(members, seeds, strict=True)]


def repeating(records: CaptionedImages, seed: int) -> Release:
    """Release a captioner that repeats the captions of `records`."""
    model = Repeats(records, seed)
    return Release(lambda: model, f"word for word {seed}")


class Repeats(nn.Module):
    """What a release asks of a captioner, answered by heart."""

    def __init__(self, records: CaptionedImages, seed: int) -> None:
        super().__init__()
        self.seed, self.texts = seed, [texts[0] for texts in records.references]
        self.known = dict(zip(pixel_digests(records.images).tolist(), self.texts, strict=True))

    def captions(self, pictures: Tensor, beam_width: int = 1) -> np.ndarray:
        """Tell a caption of each picture: (records,) of strings; the same picture gets the same one."""
        digests = pixel_digests(pictures.cpu().numpy()).tolist()
        return np.array([self.known.get(digest) or self._other(digest) for digest in digests], dtype=str)

    def _other(self, digest: bytes) -> str:
        return self.texts[generator(self.seed, digest.hex()).integers(len(self.texts))]
