"""Fashion-MNIST (Xiao et al. 2017): grey pictures of clothing, 28 x 28; 10,000 embedded, 70,000 by fetching."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from telltale.data.compressed import LARGEST
from telltale.data.fetch import fetch
from telltale.data.images.idx import PARTS, idx_files, idx_files_below, parts_missing, read_parts
from telltale.data.images.records import ReadImages, distinct, require_labelling
from telltale.errors import InputError

EMBEDDED = Path(__file__).parents[1] / "embedded"
FINE = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
COARSE = ("tops", "bottoms", "footwear", "bags")
GROUP_OF = np.array([0, 1, 0, 0, 0, 2, 0, 2, 3, 2])  # fine label -> position in COARSE


def load(
    full: bool = False,
    labels: str = "fine",
    root: str | None = None,
    downloads: str | None = None,
    largest: float = LARGEST,
) -> ReadImages:
    """Return the 10,000 test pictures, embedded; all 70,000 with `full`, out of `downloads`; or those in `root`.

    labels: fine = 10 kinds of clothing, coarse = 4 groups of them; root: folder with IDX files;
    largest: GiB that one of them may unpack to. Raises InputError where the pictures are not to be had.
    """
    require_labelling(labels)
    if root is not None:
        parts, source = idx_files_below(root, "FashionMNIST"), "Fashion-MNIST"
    elif full:
        if downloads is None:
            raise InputError("dataset.downloads", "null", "expected a folder for the files of dataset.full=true")
        folder = fetch("fashion_mnist", Path(downloads))
        parts, source = [part for name in PARTS if (part := idx_files([folder], name))], "Fashion-MNIST"
    else:
        embedded = idx_files([EMBEDDED / "fashion_mnist"], "t10k")
        parts, source = [embedded] if embedded else [], "Fashion-MNIST (10,000 of test)"
    told = parts_missing(parts) if root is not None else ()
    pixels, fine = read_parts(parts, len(FINE), largest)
    read = distinct(pixels, fine, source, FINE, coarse=GROUP_OF[fine], coarse_classes=COARSE, told=told)
    return read.labelled(labels)
