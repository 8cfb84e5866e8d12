"""Emoji as two vendors draw them: Google's Noto and Twitter's Twemoji, 64 x 64 in colour, in two-level categories.

The pictures are cut out of the one sheet that the package emoji-data holds of all of them: there each has its place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telltale.checks import choice
from telltale.data.fetch import fetch
from telltale.data.images.pictures import require_size
from telltale.data.images.records import ReadImages, distinct, require_labelling
from telltale.data.images.resize import resized
from telltale.errors import InputError

VENDORS = {"google": "Noto", "twitter": "Twemoji"}
SIZE, CELL = 64, 66  # pixels of a picture, and of its place on the sheet: one transparent pixel all around


@dataclass(frozen=True)
class Emoji:
    """What is known of a picture: code points ("1F44B"), Unicode's name, short names, and where it is filed."""

    code_points: str
    name: str
    short_names: tuple[str, ...]
    category: str
    subcategory: str


def load(
    vendor: str = "google", size: int = 32, labels: str = "fine", flags: bool = True, downloads: str | None = None
) -> ReadImages:
    """Return the emoji of `vendor`, google or twitter, out of `downloads`, in colour, `size` x `size`, on white.

    labels: fine = 99 subcategories, coarse = 10 categories; flags: with the flags, which are the tenth. Raises
    InputError where the pictures are not to be had.
    """
    require_labelling(labels)
    require_size(size, SIZE)
    choice("dataset.vendor", vendor, VENDORS, expected=f"expected {' or '.join(VENDORS)}")
    if downloads is None:
        raise InputError("dataset.downloads", "null", "expected a folder for what is fetched")
    pixels, emoji = read_sheet(fetch(f"emoji_{vendor}", Path(downloads), field="dataset.vendor", value=vendor))
    kept = [row for row, picture in enumerate(emoji) if flags or picture.category != "Flags"]
    classes, fine = np.unique([emoji[row].subcategory for row in kept], return_inverse=True)
    groups, coarse = np.unique([emoji[row].category for row in kept], return_inverse=True)
    return distinct(
        resized(pixels[kept], (3, size, size)),
        fine,
        f"emoji ({VENDORS[vendor]}, {size} x {size}{'' if flags else ', no flags'})",
        tuple(classes.tolist()),
        coarse=coarse,
        coarse_classes=tuple(groups.tolist()),
    ).labelled(labels)


def read_sheet(folder: Path) -> tuple[np.ndarray, tuple[Emoji, ...]]:
    """Return the emoji of a fetched package, (n, 3, 64, 64) uint8 on white, and what is known of each.

    The variants in other skin tones are left out: they differ from the yellow ones in little else. Some of the
    pictures are equal, flags of islands and families without a gender.
    """
    from PIL import Image

    entries: list[dict[str, Any]] = json.loads((folder / "emoji.json").read_text(encoding="utf-8"))
    with Image.open(folder / "64.png") as opened:
        sheet = opened.convert("RGBA")
    on_white = np.asarray(Image.alpha_composite(Image.new("RGBA", sheet.size, "white"), sheet).convert("RGB"))
    cells = on_white.reshape(sheet.height // CELL, CELL, sheet.width // CELL, CELL, 3)[:, 1:-1, :, 1:-1]
    down, across = ([entry[f"sheet_{axis}"] for entry in entries] for axis in ("y", "x"))
    emoji = tuple(
        Emoji(entry["unified"], entry["name"], tuple(entry["short_names"]), entry["category"], entry["subcategory"])
        for entry in entries
    )
    return cells.transpose(0, 2, 4, 1, 3)[down, across], emoji
