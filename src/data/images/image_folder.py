"""Pictures of your own: one folder a class, as photographs of faces and things are commonly kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.data.folders import require_root
from src.data.images.records import InvalidImage, ReadImages, distinct
from src.data.molecules.cache import through_cache, write_whole
from src.errors import InputError
from src.progress import track

SUFFIXES = (".jpg", ".jpeg", ".png")
EXPECTED = "a folder with <class>/*.jpg (or .jpeg, .png), or <split>/<class>/*.jpg"
VERSION = "1"  # change it with the meaning of what is kept on disk: pictures are then read anew


def load(root: str | None = None, size: int = 32, grey: bool = False, cache: str | None = None) -> ReadImages:
    """Return the pictures below `root`, the middle square of each scaled to `size`; its folder is its class.

    grey: one channel instead of three; cache: folder where the small pictures are kept. Files that are no
    picture are listed as invalid. Raises InputError where there are none, or all are of one class.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 4096:
        raise InputError("dataset.size", size, "expected a whole number of pixels from 1 to 4096")
    folder = require_root(root, EXPECTED)
    files = _files(folder)
    names = sorted({file.parent.name for file in files})
    if len(names) < 2:
        raise InputError(
            "dataset.root", root, f"all pictures are of the class {names[0]}; expected two classes or more"
        )
    path = None if cache is None else Path(cache) / f"pictures-{_key(folder, files, size, grey)}.npz"
    pixels, reasons = through_cache(path, _load, _save, lambda: _read_all(files, size, grey))
    good = reasons == ""
    if not good.any():
        raise InputError(
            "dataset.root", root, f"none of {len(files)} files is a picture; {files[0].name}: {reasons[0]}"
        )
    invalid = tuple(InvalidImage(files[row], str(reasons[row])) for row in np.flatnonzero(~good))
    position = {name: at for at, name in enumerate(names)}
    labels = np.array([position[file.parent.name] for file in files])[good]
    return distinct(pixels, labels, f"{folder.name} ({size} x {size})", tuple(names), invalid)


def _files(root: Path) -> list[Path]:
    """Return the pictures, sorted by path; all must lie equally deep, or a split would pass for a class."""
    files = sorted(file for file in root.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    depths = {len(file.relative_to(root).parts) for file in files}
    if depths not in ({2}, {3}):
        found = f"pictures lie {' and '.join(map(str, sorted(depths)))} levels deep" if depths else "there are none"
        raise InputError("dataset.root", root, f"{found}; expected {EXPECTED}")
    return files


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
