"""A limit on what files that people have may unpack to, checked before it takes any memory.

What is fetched needs none: its digest is checked before it is unpacked.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from telltale.checks import number
from telltale.errors import InputError

LARGEST = 8.0
"""GiB; Texas-100 as an .npz of eight bytes a cell is the largest that anyone passes around, with 3.1."""
GIB = 2**30
PIECE = 1 << 20
# First bytes → reader, and how many bytes one compressed byte can stand for at most.
_FORMS: dict[bytes, tuple[Callable[..., Any], float]] = {
    b"\x1f\x8b": (gzip.open, 1_100),
    b"\xfd7zXZ\x00": (lzma.open, 10_000),
    b"BZh": (bz2.open, math.inf),
}


def require_size(file: Path, largest: float, group: str = "dataset") -> None:
    """Refuse, by InputError, a compressed file that holds more than `largest` GiB; any other file is let through.

    What could be too large is unpacked once, piece by piece, and nothing of it kept. A damaged file raises what its
    reader raises: OSError, EOFError, zlib.error or lzma.LZMAError.
    """
    limit = _bytes(largest, group)
    with file.open("rb") as stream:
        head = stream.read(8)
    for magic, (opened, ratio) in _FORMS.items():
        if head.startswith(magic) and file.stat().st_size * ratio > limit:
            with opened(file, "rb") as unpacked:
                if _exceeds(unpacked, limit):
                    raise _too_large(file, largest, group)


def read_tar(tar: tarfile.TarFile, entry: tarfile.TarInfo, largest: float, group: str = "dataset") -> bytes:
    """Return the content of a regular file in a tar file; one with holes can be larger than the whole tar file.

    Raises InputError where it has more than `largest` GiB.
    """
    if entry.size > _bytes(largest, group):
        raise _too_large(Path(str(tar.name)) / entry.name, largest, group)
    stream = tar.extractfile(entry)
    return stream.read() if stream is not None else b""


def require_parquet_size(file: Path, largest: float, group: str = "dataset") -> None:
    """Refuse, by InputError, a parquet file whose columns take more than `largest` GiB, by its own account.

    A page says what it holds packed: columns of one value are nearly nothing there, and eight bytes a cell in memory.
    """
    import pyarrow.parquet as pq

    limit, metadata = _bytes(largest, group), pq.read_metadata(file)
    pages = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
    if max(pages, metadata.num_rows * metadata.num_columns * 8) > limit:
        raise _too_large(file, largest, group)


def read_npz(file: Path, names: Sequence[str], largest: float, group: str = "dataset") -> list[np.ndarray]:
    """Return the arrays of these names; nothing is unpickled, and no more memory taken than `largest` GiB.

    Raises InputError where their heads ask for more, KeyError where one is missing, ValueError where one is damaged.
    """
    require_npz_size(file, largest, names, group)
    with np.load(file, allow_pickle=False) as arrays:
        return [arrays[name] for name in names]


def require_npz_size(file: Path, largest: float, names: Sequence[str] | None = None, group: str = "dataset") -> None:
    """Refuse, by InputError, an .npz file whose arrays of these names (None: all) ask for more than `largest` GiB.

    Raises KeyError and ValueError as `read_npz` does, zipfile.BadZipFile where it is none.
    """
    limit, total = _bytes(largest, group), 0
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist() if names is None else [f"{name}.npy" for name in names]:
            info = archive.getinfo(name)
            if names is None and not name.endswith(".npy"):
                continue  # read by nobody
            with zipfile.Path(archive, info.filename).open("rb") as stream:
                asked = _asked(stream)
            total += asked
            if total > limit:
                raise _too_large(file, largest, group)
            if asked > info.file_size:
                told = f"{info.file_size:,} bytes, its head says {asked:,}"
                raise ValueError(f"{name.removesuffix('.npy')} is cut short or damaged: {told}")


def no_memory(file: Path, group: str = "dataset") -> InputError:
    """Return the error for a file within the limit that this machine cannot hold."""
    expected = f"a file that fits into memory; {group}.largest refuses one before it is unpacked"
    return InputError(f"{group}.root", file, expected)


def _asked(stream: IO[bytes]) -> int:
    """Return the bytes of an array by its head; 0 for one of objects, which is refused when it is read."""
    version = np.lib.format.read_magic(stream)
    reader: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(stream)
    return 0 if dtype.hasobject else math.prod(shape) * dtype.itemsize


def _bytes(largest: float, group: str) -> float:
    return number(f"{group}.largest", largest, above=0, expected="a number of GiB above 0") * GIB


def _exceeds(stream: IO[bytes], limit: float) -> bool:
    seen = 0
    while piece := stream.read(PIECE):
        seen += len(piece)
        if seen > limit:
            return True
    return False


def _too_large(file: Path, largest: float, group: str) -> InputError:
    return InputError(
        f"{group}.largest", f"{largest:g}", f"{file} holds more than {largest:g} GiB; a higher limit if that is meant"
    )
