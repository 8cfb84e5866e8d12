"""Tiles of photographs: pictures of 32 x 32 in colour, CIFAR's shape, without a download; their class is the photo."""

from __future__ import annotations

import numpy as np

from telltale.checks import whole_number
from telltale.data.images.records import ReadImages, distinct
from telltale.data.images.scikit_image import files_of

PHOTOS = {
    "astronaut": "astronaut.png",
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "motorcycle": "motorcycle_left.png",
    "tissue": "ihc.png",
    "retina": "retina.jpg",
    "galaxies": "hubble_deep_field.jpg",
}


def load(size: int = 32, tiles: int = 250, grey: bool = False, downloads: str | None = None) -> ReadImages:
    """Cut photographs that come with scikit-image, else out of `downloads`, into tiles that do not overlap.

    size: pixels of a tile's side; tiles: at most so many of each photograph, evenly spread; grey: one channel instead
    of three. Raises InputError for options out of range.
    """
    whole_number("dataset.size", size, 4, 256, expected="expected a whole number from 4 to 256")
    whole_number("dataset.tiles", tiles, 1, 10_000, expected="expected a whole number from 1 to 10000")
    from PIL import Image

    parts = []
    for file in files_of(PHOTOS.values(), downloads):
        with Image.open(file) as opened:
            photo = np.asarray(opened.convert("L" if grey else "RGB"))
        cut = _tiles(photo.reshape(*photo.shape[:2], -1), size)
        parts.append(cut[np.unique(np.linspace(0, len(cut) - 1, min(tiles, len(cut))).astype(int))])
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return distinct(np.concatenate(parts), labels, f"photo tiles ({size} x {size})", tuple(PHOTOS))


def _tiles(photo: np.ndarray, size: int) -> np.ndarray:
    """Cut (height, width, channels) into (tiles, channels, size, size); what is left at the edges is dropped."""
    down, across = photo.shape[0] // size, photo.shape[1] // size
    kept = photo[: down * size, : across * size].reshape(down, size, across, size, -1)
    return np.ascontiguousarray(kept.transpose(0, 2, 4, 1, 3).reshape(down * across, -1, size, size))
