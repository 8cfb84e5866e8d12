"""Captioned emoji: pictures by Google (Noto), Twitter (Twemoji), Microsoft (Fluent) or OpenMoji, and captions by name.

Captions and groups of twins are those of `embedded/emoji/captions.json.gz`, and the same for all vendors.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

from telltale.checks import choice
from telltale.data.captions.read import ReadCaptions
from telltale.data.captions.records import CaptionedImages
from telltale.data.fetch import fetch
from telltale.data.images.emoji import SIZE as FULL_SIZE
from telltale.data.images.emoji import VENDORS as ON_SHEETS
from telltale.data.images.emoji import read_sheet
from telltale.data.images.pictures import read_pictures, require_size
from telltale.data.images.resize import resized
from telltale.errors import InputError

EMBEDDED = Path(__file__).parents[1] / "embedded" / "emoji"
TABLE = EMBEDDED / "captions.json.gz"
VENDORS = ON_SHEETS | {"microsoft": "Fluent", "openmoji": "OpenMoji"}
SIZE, COLUMNS = 32, 40  # pixels of an embedded picture, and how many stand in a row of the sheet


def load(
    vendor: str = "google",
    second: str | None = None,
    size: int = 32,
    full: bool = False,
    nonmember_source: str = "same",
    downloads: str | None = None,
    cache: str | None = None,
) -> ReadCaptions:
    """Return the emoji of `vendor` and, where named, of a `second` one, `size` x `size`, in colour, on white.

    full: scale from the fetched 64 x 64 where the embedded pictures would do; all but Google's at 32 x 32 or less
    are fetched into `downloads` anyway. cache: folder where pictures that come as a file each are kept, decoded. Flags
    and skin tones are left out, and what a vendor has not drawn; a picture and its variants in other genders are one
    concept. Raises InputError where pictures are not to be had.
    """
    vendors = [vendor] if second is None else [vendor, second]
    for field, name in zip(("vendor", "second"), vendors, strict=False):
        choice(f"dataset.{field}", name, VENDORS, expected=f"expected {' or '.join(VENDORS)}")
    if second == vendor:
        raise InputError("dataset.second", second, f"another vendor than dataset.vendor={vendor}, or null")
    require_size(size, FULL_SIZE if full else SIZE)
    table = read_table()
    drawn = [
        _pictures(name, field, table, full, downloads, cache)
        for field, name in zip(("dataset.vendor", "dataset.second"), vendors, strict=False)
    ]
    rows = np.concatenate([present for _, present in drawn])
    references = tuple(tuple(entry["references"]) for entry in table)
    records = CaptionedImages(
        np.concatenate([resized(pixels, (3, size, size)) for pixels, _ in drawn]),
        tuple(references[row] for row in rows.tolist()),
        np.array([entry["concept"] for entry in table], np.int64)[rows],
        np.repeat(np.arange(len(drawn)), [len(present) for _, present in drawn]),
        tuple(VENDORS[name] for name in vendors),
        tuple(references[row][0] for row in rows.tolist()),
        f"captioned emoji ({' and '.join(VENDORS[name] for name in vendors)}, {size} x {size})",
        nonmember_source,
    )
    return ReadCaptions(records=records, lines=len(records))


def read_table() -> list[dict[str, Any]]:
    """Return code_points ("1F44B"), concept (a number) and references of each emoji, in the order of the sheet."""
    return json.loads(gzip.decompress(TABLE.read_bytes()))


def _pictures(
    vendor: str, field: str, table: list[dict[str, Any]], full: bool, downloads: str | None, cache: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures of one vendor in the order of the table, (n, 3, height, width) uint8, and its rows."""
    every = np.arange(len(table))
    if vendor == "google" and not full:
        return _embedded(len(table)), every
    if downloads is None:
        raise InputError("dataset.downloads", "null", "expected a folder for what is fetched")
    folder = fetch(f"emoji_{vendor}", Path(downloads), field=field, value=vendor)
    if vendor == "openmoji":
        return drawn_by_font(folder / "glyf_colr0.ttf", table)
    if vendor not in ON_SHEETS:
        return _single(folder / "assets", table, cache)
    pixels, emoji = read_sheet(folder)
    place = {picture.code_points: row for row, picture in enumerate(emoji)}
    return pixels[[place[entry["code_points"]] for entry in table]], every


def _single(folder: Path, table: list[dict[str, Any]], cache: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures of a vendor that has a file for each, 1f44b.webp, scaled to 64 x 64; some it has not drawn."""
    files = [folder / f"{entry['code_points'].lower()}.webp" for entry in table]
    present = np.flatnonzero([file.is_file() for file in files])
    read = read_pictures(folder, [files[row] for row in present.tolist()], FULL_SIZE, False, cache)
    return read.pixels, present[read.readable]


def drawn_by_font(file: Path, table: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Draw the emoji that a font in colour has, 64 x 64 on white; returns the pictures and their rows of the table.

    Of pictures that are equal, though they stand for different concepts, the first alone is drawn. Raises InputError
    where this machine's Pillow cannot join a sequence of code points.
    """
    from PIL import Image, ImageDraw, ImageFont, features

    if not features.check("raqm"):
        expected = "another vendor: this Pillow has no Raqm, without which a font's emoji fall to pieces"
        raise InputError("dataset.vendor", "openmoji", expected)
    font = ImageFont.truetype(str(file), FULL_SIZE * 3 // 4, layout_engine=ImageFont.Layout.RAQM)
    seen: dict[bytes, int] = {}
    pixels, rows = [], []
    for row, entry in enumerate(table):
        picture = Image.new("RGB", (FULL_SIZE, FULL_SIZE), "white")
        text, middle = "".join(chr(int(point, 16)) for point in entry["code_points"].split("-")), FULL_SIZE // 2
        ImageDraw.Draw(picture).text((middle, middle), text, "black", font, anchor="mm", embedded_color=True)
        drawn = np.asarray(picture)
        if seen.setdefault(drawn.tobytes(), entry["concept"]) == entry["concept"]:
            pixels.append(drawn.transpose(2, 0, 1))
            rows.append(row)
    return np.stack(pixels), np.array(rows)


def _embedded(count: int) -> np.ndarray:
    from PIL import Image

    with Image.open(EMBEDDED / "google.png") as opened:
        sheet = np.asarray(opened.convert("RGB"))
    cells = sheet.reshape(sheet.shape[0] // SIZE, SIZE, COLUMNS, SIZE, 3).transpose(0, 2, 4, 1, 3)
    return cells.reshape(-1, 3, SIZE, SIZE)[:count]
