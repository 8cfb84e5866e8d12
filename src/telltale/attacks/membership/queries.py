"""The same point asked several times, changed as training would have changed it (LiRA, section VI-B; TMI's code)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from telltale.checks import choice, whole_number
from telltale.data.digests import once
from telltale.data.images.records import ImageRecords
from telltale.data.recorded import RecordedPoints
from telltale.data.records import Records, input_digests
from telltale.data.seeds import derive, generator
from telltale.errors import InputError
from telltale.game.world import Knowledge
from telltale.objectives.augmentation import SHIFT
from telltale.owner.release import Release

STEPS = {"none": ((0, 0),), "shift": ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))}
AUGMENTATIONS = {
    "none": ("none", False),
    "flip": ("none", True),
    "shift": ("shift", False),
    "shift_flip": ("shift", True),
}

PER_PICTURE = ("labels", "coarse", "ids")  # beside pixels
DRAWN = ("per_model", "once", "shifts")


def check_augmentation(field: str, augmentation: Any, records: Records) -> None:
    """Refuse, by InputError, an unknown augmentation, or any of what is no picture."""
    choice(field, augmentation, AUGMENTATIONS)
    if augmentation != "none" and not isinstance(records, ImageRecords):
        raise InputError(field, augmentation, f"none: {records.source} holds {records.kind}, only pictures are changed")


def queries(records: Records, augmentation: str) -> Iterator[Records]:
    """Yield the records as they are, then changed: by one pixel each way ("shift"), mirrored ("flip"), or both.

    Points of which answers were recorded come as often as they were asked.
    """
    if isinstance(records, RecordedPoints):
        yield from records.each_query()
        return
    yield records
    if augmentation != "none":
        assert isinstance(records, ImageRecords)
        shifts, flips = AUGMENTATIONS[augmentation]
        for mirrored in (False, True) if flips else (False,):
            for step in STEPS[shifts]:
                if mirrored or step != (0, 0):
                    yield replace(records, pixels=_changed(records.pixels, step, mirrored))


def _changed(pixels: np.ndarray, step: tuple[int, int], mirrored: bool) -> np.ndarray:
    around = ((0, 0), (0, 0), (1, 1), (1, 1))
    padded = np.pad(pixels[..., ::-1] if mirrored else pixels, around, mode="reflect")  # as LiRA's code
    height, width = pixels.shape[2:]
    down, right = 1 - step[0], 1 - step[1]
    return np.ascontiguousarray(padded[:, :, down : down + height, right : right + width])


def check_draws(number: Any, drawn: Any) -> None:
    """Refuse, by InputError, a number of queries and a way to draw them that there are not."""
    whole_number("attack.queries", number, 1, 1000)
    if drawn == "shifts" and number > len(STEPS["shift"]):
        raise InputError("attack.queries", number, f"at most {len(STEPS['shift'])} with attack.drawn=shifts")
    choice("attack.drawn", drawn, DRAWN)


def asked_once(knowledge: Knowledge, number: int) -> tuple[str, ...]:
    """Say that records were asked once where they cannot be changed and `number` queries are set."""
    if number == 1 or isinstance(knowledge.challenge, ImageRecords | RecordedPoints):
        return ()
    return ("Each record was asked once, as it is: only pictures are changed for further queries.",)


def drawn_answers(release: Release, knowledge: Knowledge, number: int, drawn: str) -> np.ndarray:
    """Ask a release for every challenge point, changed: probabilities (points, queries, classes).

    x_a = crop(flip(x)), a = 1 … number, for pictures; x_1 = x, one query, for anything else. drawn: per_model, every
    model is asked other changes and no picture as it is (TMI's code); once, all are asked the same, the first of them
    the picture itself; shifts, the picture itself and by one pixel each way: where training changed no picture, larger
    changes leave what it remembers.
    """
    challenge = knowledge.challenge
    if isinstance(challenge, RecordedPoints):
        return np.stack([release.probabilities(records) for records in challenge.each_query()], 1)
    if isinstance(challenge, ImageRecords) and drawn == "shifts":
        shifted = islice(queries(challenge, "shift"), number)
        return np.stack([release.probabilities(records) for records in shifted], 1)
    if isinstance(challenge, ImageRecords):
        alike = drawn == "once"
        seed = derive(knowledge.seed, "queries" if alike else f"queries of {release.name}")
        challenge = changed_pictures(challenge, number, seed, alike)
    answers = release.probabilities(challenge)
    return np.ascontiguousarray(answers.reshape(-1, len(knowledge.challenge), answers.shape[1]).swapaxes(0, 1))


class ChangedPictures:
    """What `randomly_changed` returns, made when a model looks at it: where its answers are known, none does.

    Digests are kept, 16 bytes a picture.
    """

    kind = "images"

    def __init__(self, records: ImageRecords, number: int, seed: int, keep_first: bool) -> None:
        self._of, self._number, self._draw = records, number, (records, number, seed, keep_first)
        self.source, self.classes, self.shape = records.source, records.classes, records.shape

    def __len__(self) -> int:
        """Count the pictures."""
        return self._number * len(self._of)

    @property
    def labels(self) -> np.ndarray:
        """Return the class of each picture."""
        return np.tile(self._of.labels, self._number)

    @property
    def pixels(self) -> np.ndarray:
        """Return the pictures."""
        return self.arrays().pixels

    def arrays(self) -> ImageRecords:
        """Make the pictures."""
        return randomly_changed(*self._draw)

    def take(self, rows: np.ndarray) -> ImageRecords:
        """Return the pictures at `rows`."""
        return self.arrays().take(rows)

    @once("_fingerprints_kept")
    def fingerprints(self) -> np.ndarray:
        """Return the digest of each picture with its label, (n,) dtype S16."""
        return self.arrays().fingerprints()


@input_digests.register
@once("_input_digests_kept")
def _(records: ChangedPictures) -> np.ndarray:
    return input_digests(records.arrays())


changed_pictures = lru_cache(maxsize=512)(ChangedPictures)  # each model is asked the same by several attacks


@lru_cache(maxsize=1)  # where all models are asked the same, and for digests and pixels of one
def randomly_changed(records: ImageRecords, number: int, seed: int, keep_first: bool = False) -> ImageRecords:
    """Flip each picture with probability 1/2 and crop it from its reflected surroundings: `number` times all of them.

    The crop moves by up to 1/8 of the side each way: 4 pixels of 32, as in TMI's code. keep_first: the first of
    each picture's changes is none.
    """
    pixels, rng, shape = records.pixels, generator(seed, "changes"), (number, len(records))
    sides = pixels.shape[2:]
    most = [max(1, side // SHIFT) for side in sides]
    flips, (down, across) = rng.integers(2, size=shape), (rng.integers(2 * step + 1, size=shape) for step in most)
    if keep_first:
        flips[0], down[0], across[0] = 0, *most
    both = np.stack([pixels, pixels[..., ::-1]])
    padded = np.pad(both, ((0, 0), (0, 0), (0, 0), *((step, step) for step in most)), mode="reflect")
    crops = sliding_window_view(padded, sides, axis=(3, 4))  # (flip, record, channel, down, across, height, width)
    changed = crops[flips, np.arange(len(records)), :, down, across]
    others: dict[str, Any] = {
        name: np.tile(getattr(records, name), number) for name in PER_PICTURE if getattr(records, name) is not None
    }
    return replace(records, pixels=changed.reshape(-1, *pixels.shape[1:]), **others)
