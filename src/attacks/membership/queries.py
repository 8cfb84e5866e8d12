"""The same point asked several times, changed as training would have changed it (LiRA, section VI-B)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from src.data.images.records import ImageRecords
from src.data.records import Records
from src.errors import InputError

STEPS = {"none": ((0, 0),), "shift": ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))}
AUGMENTATIONS = {
    "none": ("none", False),
    "flip": ("none", True),
    "shift": ("shift", False),
    "shift_flip": ("shift", True),
}


def check_augmentation(field: str, augmentation: Any, records: Records) -> None:
    """Refuse, by InputError, an unknown augmentation, or any of what is no picture."""
    if augmentation not in AUGMENTATIONS:
        raise InputError(field, augmentation, f"one of {', '.join(AUGMENTATIONS)}")
    if augmentation != "none" and not isinstance(records, ImageRecords):
        raise InputError(field, augmentation, f"none: {records.source} holds {records.kind}, only pictures are changed")


def queries(records: Records, augmentation: str) -> Iterator[Records]:
    """Yield the records as they are, then changed: by one pixel each way ("shift"), mirrored ("flip"), or both."""
    yield records
    if augmentation != "none":
        assert isinstance(records, ImageRecords)
        shifts, flips = AUGMENTATIONS[augmentation]
        for mirrored in (False, True) if flips else (False,):
            for step in STEPS[shifts]:
                if mirrored or step != (0, 0):
                    yield replace(records, pixels=_changed(records.pixels, step, mirrored))


def _changed(pixels: np.ndarray, step: tuple[int, int], mirrored: bool) -> np.ndarray:
    padded = np.pad(pixels[..., ::-1] if mirrored else pixels, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = pixels.shape[2:]
    down, right = 1 - step[0], 1 - step[1]
    return np.ascontiguousarray(padded[:, :, down : down + height, right : right + width])
