"""MNIST (LeCun et al. 1998): handwritten digits, 28 x 28 grey; 10,000 by fetching, or all of them from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from telltale.data.compressed import LARGEST
from telltale.data.fetch import fetch
from telltale.data.images.digits import CLASSES
from telltale.data.images.idx import idx_files_below, parts_missing, read_parts
from telltale.data.images.records import ReadImages, distinct
from telltale.errors import InputError


def load(root: str | None = None, downloads: str | None = None, largest: float = LARGEST) -> ReadImages:
    """Return the pictures in `root`, a folder with IDX files; without one, 10,000 out of `downloads`.

    largest: GiB that a file in `root` may unpack to. Raises InputError where they are not to be had.
    """
    if root is not None:
        parts = idx_files_below(root, "MNIST")
        pixels, labels = read_parts(parts, len(CLASSES), largest)
        return distinct(pixels, labels, "MNIST", CLASSES, told=parts_missing(parts))
    if downloads is None:
        raise InputError("dataset.downloads", "null", "expected a folder for what is fetched, or dataset.root=…")
    folder = fetch("mnist", Path(downloads), field="dataset.root", value="null")
    digits = [_grey_levels(folder / f"{digit}.json") for digit in range(len(CLASSES))]
    labels = np.repeat(np.arange(len(CLASSES)), [len(pixels) for pixels in digits])
    return distinct(np.concatenate(digits), labels, "MNIST (10,000)", CLASSES)


def _grey_levels(file: Path) -> np.ndarray:
    """Return the pictures of one digit, (n, 1, 28, 28) uint8: the file has grey / 255 to three decimals."""
    shares = np.array(json.loads(file.read_text(encoding="utf-8"))["data"], np.float64)
    return np.rint(shares * 255).astype(np.uint8).reshape(-1, 1, 28, 28)
