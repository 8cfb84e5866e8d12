"""Pictures changed while training, and the same changes when a model is asked."""

from __future__ import annotations

import numpy as np
import torch

from telltale.attacks.membership.queries import queries, randomly_changed
from telltale.data.images.records import ImageRecords
from telltale.objectives.augmentation import augment

SHAPE = (2, 16, 24)  # channels, height, width: shifts of up to 2 and 3 pixels
PLACES = 2 * 5 * 7  # mirrored or not, and where it is cropped


def one_picture(shape: tuple[int, ...] = SHAPE) -> ImageRecords:
    pixels = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    return ImageRecords(pixels, np.zeros(1, np.int64), "one picture", ("a", "b"))


def trained_on(records: ImageRecords, kind: str, draws: int = 2000) -> set[bytes]:
    pictures = torch.from_numpy(records.pixels).expand(draws, -1, -1, -1)
    return {picture.tobytes() for picture in augment(pictures, torch.arange(draws), kind).numpy()}


def test_a_training_crop_and_a_query_crop_at_the_same_offset_are_identical() -> None:
    """Catches zeros at the edge of one and reflections at that of the other, changes that one never makes."""
    records = one_picture()
    asked = {picture.tobytes() for picture in randomly_changed(records, 2000, seed=0).pixels}
    assert len(asked) == PLACES and trained_on(records, "shift_flip") == asked


def test_queries_a_pixel_away_are_among_what_training_sees() -> None:
    """Catches a query that no training ever produces."""
    records = one_picture()
    asked = {one.pixels.tobytes() for one in queries(records, "shift_flip")}  # type: ignore[attr-defined]
    assert len(asked) == 10 and asked <= trained_on(records, "shift_flip")


def test_a_shift_brings_in_the_reflection_and_a_side_of_one_pixel_stays() -> None:
    """Catches a border repeated, an edge that wraps around, an index outside."""
    pictures = torch.arange(8.0).view(1, 1, 1, 8).expand(100, -1, -1, -1)
    found = {tuple(picture.ravel().tolist()) for picture in augment(pictures, torch.arange(100), "shift")}
    assert found == {(1, 0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5, 6, 7, 6)}
