"""Captioners that repeat a true caption of every training picture: the most that an attack on captions could find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from src.data.captions.records import CaptionedImages
from src.data.images.records import pixel_digests
from src.data.seeds import derive, generator
from src.errors import InputError
from src.game import Game
from src.training.release import Release


class WordForWord:
    """Victims that say a member's first caption, and of any other picture the first caption of some member.

    An attack that finds nothing here is blind on this data, whatever a trained captioner remembers.
    """

    def check(self, game: Game) -> None:
        """Refuse, by InputError, records without captions."""
        if not isinstance(game.pools.challenge, CaptionedImages):
            raise InputError("variants", "word_for_word", "needs pictures with captions, e.g. attack=m4i_metric")

    def releases(self, game: Game) -> Mapping[str, Sequence[Release]]:
        """Return them, one a victim; nothing is trained."""
        told = [
            Repeats(game.pools.challenge.take(rows), derive(game.seed, "word for word", victim))
            for victim, (rows, _) in enumerate(game.victims_of_owner())
        ]
        return {"word_for_word": [Release(lambda one=one: one, f"word for word {one.seed}") for one in told]}  # type: ignore[misc]


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
