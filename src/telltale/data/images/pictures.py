"""Picture files decoded: the middle square of each, scaled, kept on disk between runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from telltale.checks import whole_number
from telltale.data.images.deep import bits_of, deepest_level, is_deep, to_eight_bits
from telltale.data.loaded import InvalidRecord
from telltale.data.molecules.cache import through_cache, write_whole
from telltale.errors import InputError
from telltale.progress import track
from telltale.writing import counted

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = "2"  # change it with the meaning of what is kept on disk: pictures are then read anew
FORMATS = {  # of Pillow, and their endings; others it reads are no pictures of records, or start other programs
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "JPEG2000": (".jp2", ".j2k"),
    "TGA": (".tga",),
    "AVIF": (".avif",),
}
ENDINGS = tuple(ending for endings in FORMATS.values() for ending in endings)


@dataclass(frozen=True, eq=False)
class Pictures:
    """What was decoded.

    pixels    (readable, channels, size, size) uint8
    readable  (files,) bool
    invalid   the rest
    told      what was changed or left out of the readable ones: one sentence each
    """

    pixels: np.ndarray
    readable: np.ndarray
    invalid: tuple[InvalidRecord, ...]
    told: tuple[str, ...] = ()


class _Decoded(NamedTuple):
    """What is kept on disk: the pictures, why each file is none, (files,) text, and what is to be told."""

    pixels: np.ndarray
    reasons: np.ndarray
    told: np.ndarray


def read_pictures(root: Path, files: Sequence[Path], size: int, grey: bool, cache: str | None) -> Pictures:
    """Decode `files` below `root`, the middle square of each scaled to `size`, transparent ones on white.

    Grey pictures of more than 8 bits are brought to 8 by one scale for all `files`, see `deep`; of a file with several
    pictures the first is read. grey: one channel instead of three; cache: folder where the small pictures are kept.
    Raises InputError where none is a picture.
    """
    path = None if cache is None else Path(cache) / f"pictures-{_key(root, files, size, grey)}.npz"
    decoded = through_cache(path, _load, _save, lambda: _read_all(files, size, grey))
    readable = decoded.reasons == ""
    if not readable.any():
        raise InputError(
            "dataset.root", root, f"none of {len(files)} files is a picture; {files[0].name}: {decoded.reasons[0]}"
        )
    unreadable = np.flatnonzero(~readable).tolist()
    invalid = tuple(InvalidRecord(files[row], str(decoded.reasons[row])) for row in unreadable)
    return Pictures(decoded.pixels, readable, invalid, tuple(decoded.told.tolist()))


def require_size(size: int, largest: int = 4096) -> None:
    """Raise InputError unless `size` is a number of pixels from 1 to `largest`."""
    whole_number("dataset.size", size, most=largest, expected=f"expected a whole number of pixels from 1 to {largest}")


def _read_all(files: Sequence[Path], size: int, grey: bool) -> _Decoded:
    pixels = np.empty((len(files), 1 if grey else 3, size, size), np.uint8)
    reasons: list[str] = []
    deep: dict[int, Path] = {}  # by their place among the readable; they wait until the deepest of all is known
    deepest = kept = several = 0
    for file in track(files, "reading pictures"):
        try:
            with _opened(file) as picture:
                several += picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1
                if is_deep(picture):
                    deepest = max(deepest, deepest_level(picture))
                    deep[kept] = file
                else:
                    pixels[kept] = _small(picture, size, grey)
            kept += 1
            reasons.append("")
        except Exception as error:  # Pillow's decoders raise a dozen kinds on a damaged file
            reasons.append(" ".join(f"{type(error).__name__}: {error}".split())[:200])
    for place, file in deep.items():
        with _opened(file) as picture:
            pixels[place] = _small(picture, size, grey, bits_of(deepest))
    told = []
    if deep:
        scale = f"scaled from {bits_of(deepest)} (deepest level {deepest:,}) to 8"
        what = "of more than 8 bits"
        told.append(f"{counted(len(deep), f'grey picture {what} was', f'grey pictures {what} were')} {scale}")
    if several:
        hold = counted(several, "file holds several pictures", "files hold several pictures each")
        told.append(f"{hold}, of which the first was read")
    return _Decoded(pixels[:kept].copy(), np.array(reasons), np.array(told, dtype=str))


@once
def _formats() -> list[str]:
    from PIL import Image

    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]  # AVIF is not in every build


def _opened(file: Path) -> Image:
    from PIL import Image

    return Image.open(file, formats=_formats())


def _small(picture: Image, size: int, grey: bool, bits: int = 8) -> np.ndarray:
    """Return the middle square of an opened picture, scaled: (channels, size, size) uint8; bits: of a deep one."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(picture)
    eight = (to_eight_bits(upright, bits) if is_deep(upright) else upright).convert("RGBA")
    on_white = Image.alpha_composite(Image.new("RGBA", eight.size, "white"), eight)
    side = min(eight.size)
    left, top = ((length - side) // 2 for length in eight.size)
    square = on_white.convert("L" if grey else "RGB").crop((left, top, left + side, top + side))
    small = square.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(small).reshape(size, size, -1).transpose(2, 0, 1)


def _save(decoded: _Decoded, path: Path) -> None:
    write_whole(path, lambda file: np.savez(file, allow_pickle=False, **decoded._asdict()))


def _load(path: Path) -> _Decoded:
    with np.load(path, allow_pickle=False) as arrays:
        return _Decoded(arrays["pixels"], arrays["reasons"], arrays["told"])


def _key(root: Path, files: Sequence[Path], size: int, grey: bool) -> str:
    """Hash where each file lies, its length and time of change, and the options; reading all would take as long."""
    states = [(str(file.relative_to(root)), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.blake2b(json.dumps([VERSION, size, grey, states]).encode(), digest_size=16).hexdigest()
