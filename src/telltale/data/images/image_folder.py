"""Pictures of your own: one folder a class, as photographs of faces and things are commonly kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from telltale.data.folders import require_root
from telltale.data.images.pictures import read_pictures, require_size
from telltale.data.images.records import ReadImages, distinct
from telltale.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png")
EXPECTED = "a folder with <class>/*.jpg (or .jpeg, .png), or <split>/<class>/*.jpg"


def load(root: str | None = None, size: int = 32, grey: bool = False, cache: str | None = None) -> ReadImages:
    """Return the pictures below `root`, the middle square of each scaled to `size`; its folder is its class.

    grey: one channel instead of three; cache: folder where the small pictures are kept. Files that are no
    picture are listed as invalid. Raises InputError where there are none, or all are of one class.
    """
    require_size(size)
    folder = require_root(root, EXPECTED)
    files = _files(folder)
    names = sorted({file.parent.name for file in files})
    if len(names) < 2:
        raise InputError(
            "dataset.root", root, f"all pictures are of the class {names[0]}; expected two classes or more"
        )
    read = read_pictures(folder, files, size, grey, cache)
    position = {name: at for at, name in enumerate(names)}
    labels = np.array([position[file.parent.name] for file in files])[read.readable]
    return distinct(read.pixels, labels, f"{folder.name} ({size} x {size})", tuple(names), read.invalid)


def _files(root: Path) -> list[Path]:
    """Return the pictures, sorted by path; all must lie equally deep, or a split would pass for a class."""
    files = sorted(file for file in root.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    depths = {len(file.relative_to(root).parts) for file in files}
    if depths not in ({2}, {3}):
        layout = f"pictures lie {' and '.join(map(str, sorted(depths)))} levels deep" if depths else "there are none"
        raise InputError("dataset.root", root, f"{layout}; expected {EXPECTED}")
    return files
