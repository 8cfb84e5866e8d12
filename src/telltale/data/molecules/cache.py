"""Results kept on disk: written whole or not at all, made once although several processes ask."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from telltale.errors import InputError
from telltale.store.digests import digest_of, to_disk

T = TypeVar("T")
log = logging.getLogger("telltale")


def through_cache(
    path: Path | None,
    load: Callable[[Path], T],
    save: Callable[[T, Path], None],
    make: Callable[[], T],
) -> T:
    """Return what `path` holds, or make it and keep it there; path None = do not keep it.

    A file that cannot be read (half written, other format) or is not what its digest says is made again, told in one
    line; one without a digest, of an older version, serves. Raises InputError where the folder cannot be written to.
    """
    if path is None:
        return make()
    if (kept := _attempt(load, path)) is not None:
        return kept
    with _writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock")).acquire()
    with lock:
        if (kept := _attempt(load, path, log.warning)) is not None:  # another process was faster
            return kept
        value = make()
        with _writing_to(path.parent):
            digest = _digest_beside(path)
            digest.unlink(missing_ok=True)  # a kill then leaves none, and no wrong one
            save(value, path)
            to_disk(path)
            write_whole(digest, lambda file: file.write_text(digest_of(path), encoding="ascii"))
        return value


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it there: nobody ever sees half a file."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError("dataset.cache", folder, f"expected a writable folder ({error})") from None


def _attempt(load: Callable[[Path], T], path: Path, tell: Callable[[str], None] = log.debug) -> T | None:
    if not path.exists():
        return None
    try:
        digest = _digest_beside(path)
        if not digest.exists() or digest.read_bytes() == digest_of(path).encode():
            return load(path)
        reason = "it is not what was written"
    except Exception as error:  # the readers of npz and parquet raise a dozen kinds on a damaged file
        reason = type(error).__name__
    tell(f"cache: {path} cannot be used ({reason}); it is made again")
    return None


def _digest_beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.digest")
