"""IDX files, in which MNIST and its successors are distributed (LeCun et al. 1998): bytes with their shape in front."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telltale.data.compressed import LARGEST, require_size
from telltale.data.folders import first_found, require_all_inside, require_root
from telltale.errors import InputError

PARTS = ("train", "t10k")
MOST_AXES = 32  # of an array in any numpy
UNSIGNED_BYTE = 0x08


@dataclass(frozen=True)
class IdxFiles:
    """The pictures and the labels of one part of a data set."""

    images: Path
    labels: Path


def idx_files(folders: Iterable[Path], part: str) -> IdxFiles | None:
    """Return the two files of `part` ("train" or "t10k"), gzipped or not, from the first folders that have them."""
    folders = list(folders)
    files = [
        first_found(folders, [f"{part}-{name}{end}" for name in names for end in ("", ".gz")])
        for names in (
            ("images-idx3-ubyte", "images.idx3-ubyte"),
            ("labels-idx1-ubyte", "labels.idx1-ubyte"),
        )
    ]
    return IdxFiles(files[0][0], files[1][0]) if all(files) else None


def idx_files_below(root: str, name: str) -> list[IdxFiles]:
    """Return the parts that lie flat in `root`, or under `name`/raw as some tools put them.

    Raises InputError where there is none.
    """
    expected = f"a folder with {{train,t10k}}-images-idx3-ubyte[.gz] and -labels-idx1-ubyte[.gz], flat or in {name}/raw"
    folder = require_root(root, expected)
    parts = [idx_files([folder, folder / name / "raw", folder / "raw", folder / name], part) for part in PARTS]
    present = [part for part in parts if part is not None]
    if not present:
        raise InputError("dataset.root", root, f"expected {expected}")
    require_all_inside((file for part in present for file in (part.images, part.labels)), folder)
    return present


def parts_missing(parts: Sequence[IdxFiles]) -> tuple[str, ...]:
    """Say which part of a data set was left out, as one of its two files is not there or neither is."""
    gone = [part for part in PARTS if not any(files.images.name.startswith(part) for files in parts)]
    names = " and ".join(f"{part}-images-idx3-ubyte or {part}-labels-idx1-ubyte" for part in gone)
    return (f"{names} is not there: only {parts[0].images.name.split('-')[0]} was read",) if gone else ()


def read_parts(parts: Iterable[IdxFiles], classes: int, largest: float = LARGEST) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures, (n, 1, height, width) uint8, and labels, (n,) int64, of all parts, end to end.

    largest: GiB that a file may unpack to.
    Raises InputError where a file is not what its name says.
    """
    pixels, labels = zip(*(_read_part(part, classes, largest) for part in parts), strict=True)
    if len({part.shape[1:] for part in pixels}) > 1:
        raise InputError("dataset.root", "IDX files", "expected pictures of one size in all parts")
    return np.concatenate(pixels)[:, None], np.concatenate(labels)


def _read_part(part: IdxFiles, classes: int, largest: float) -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = read_idx(part.images, largest), read_idx(part.labels, largest)
    if pixels.ndim != 3 or labels.ndim != 1 or len(pixels) != len(labels):
        shapes = f"{pixels.shape} and {part.labels.name} {labels.shape}; expected (n, height, width) and (n,)"
        raise InputError("dataset.root", part.images, f"holds {shapes}")
    if len(labels) and labels.max() >= classes:
        raise InputError("dataset.root", part.labels, f"holds the label {labels.max()}; expected 0 to {classes - 1}")
    return pixels, labels.astype(np.int64)


def read_idx(file: Path, largest: float = LARGEST) -> np.ndarray:
    """Return the array of an IDX file of unsigned bytes, gzipped or not, in the shape its head gives.

    Head: two zero bytes, the type, the number of dimensions, then each dimension as a big-endian 32-bit number.
    Raises InputError where the file is not that, or unpacks to more than `largest` GiB.
    """
    try:
        require_size(file, largest)
        data = file.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("dataset.root", file, f"cannot be read ({error})") from None
    if (
        len(data) < 4
        or data[:3] != bytes((0, 0, UNSIGNED_BYTE))
        or len(data) < (start := 4 + 4 * data[3])
        or data[3] > MOST_AXES
    ):
        raise InputError("dataset.root", file, "expected an IDX file of unsigned bytes")
    shape = tuple(np.frombuffer(data, ">u4", data[3], offset=4).tolist())
    if int(np.prod(shape, dtype=object)) != len(data) - start:
        raise InputError("dataset.root", file, f"is cut short or damaged: {len(data) - start} bytes, head says {shape}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
