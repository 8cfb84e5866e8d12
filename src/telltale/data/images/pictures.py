"""Picture files decoded: the middle square of each, scaled, kept on disk between runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telltale.checks import whole_number
from telltale.data.loaded import InvalidRecord
from telltale.data.molecules.cache import through_cache, write_whole
from telltale.errors import InputError
from telltale.progress import track

VERSION = "1"  # change it with the meaning of what is kept on disk: pictures are then read anew


@dataclass(frozen=True, eq=False)
class Pictures:
    """What was decoded: pixels (readable, channels, size, size) uint8; readable: (files,) bool; invalid: the rest."""

    pixels: np.ndarray
    readable: np.ndarray
    invalid: tuple[InvalidRecord, ...]


def read_pictures(root: Path, files: Sequence[Path], size: int, grey: bool, cache: str | None) -> Pictures:
    """Decode `files` below `root`, the middle square of each scaled to `size`, transparent ones on white.

    grey: one channel instead of three; cache: folder where the small pictures are kept. Raises InputError where
    none is a picture.
    """
    path = None if cache is None else Path(cache) / f"pictures-{_key(root, files, size, grey)}.npz"
    pixels, reasons = through_cache(path, _load, _save, lambda: _read_all(files, size, grey))
    readable = reasons == ""
    if not readable.any():
        raise InputError(
            "dataset.root", root, f"none of {len(files)} files is a picture; {files[0].name}: {reasons[0]}"
        )
    invalid = tuple(InvalidRecord(files[row], str(reasons[row])) for row in np.flatnonzero(~readable).tolist())
    return Pictures(pixels, readable, invalid)


def require_size(size: int, largest: int = 4096) -> None:
    """Raise InputError unless `size` is a number of pixels from 1 to `largest`."""
    whole_number("dataset.size", size, most=largest, expected=f"expected a whole number of pixels from 1 to {largest}")


def _read_all(files: Sequence[Path], size: int, grey: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures, (readable, channels, size, size) uint8, and why each file is none, (files,) text."""
    pixels = np.empty((len(files), 1 if grey else 3, size, size), np.uint8)
    reasons: list[str] = []
    kept = 0
    for file in track(files, "reading pictures"):
        try:
            pixels[kept] = _read(file, size, grey)
            kept += 1
            reasons.append("")
        except Exception as error:  # Pillow's decoders raise a dozen kinds on a damaged file
            reasons.append(" ".join(f"{type(error).__name__}: {error}".split())[:200])
    return pixels[:kept].copy(), np.array(reasons)


def _read(file: Path, size: int, grey: bool) -> np.ndarray:
    from PIL import Image, ImageOps

    with Image.open(file) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGBA")
    on_white = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
    side = min(upright.size)
    left, top = ((length - side) // 2 for length in upright.size)
    square = on_white.convert("L" if grey else "RGB").crop((left, top, left + side, top + side))
    small = square.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(small).reshape(size, size, -1).transpose(2, 0, 1)


def _save(read: tuple[np.ndarray, np.ndarray], path: Path) -> None:
    write_whole(path, lambda file: np.savez(file, pixels=read[0], reasons=read[1]))


def _load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["pixels"], arrays["reasons"]


def _key(root: Path, files: Sequence[Path], size: int, grey: bool) -> str:
    """Hash where each file lies, its length and time of change, and the options; reading all would take as long."""
    states = [(str(file.relative_to(root)), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.blake2b(json.dumps([VERSION, size, grey, states]).encode(), digest_size=16).hexdigest()
