"""A digest of each file of an entry: what was damaged on disk is noticed, and not used."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from telltale.store.others import look

ENTRY, DIGESTS = "entry.json", "digests"  # what an entry is of; and a line a file: `b2sum -l 128 -c digests` reads it
NOT_KEPT = ".not_kept"  # beside a file that was deleted on purpose, its name with this at the end


def digest_of(file: Path) -> str:
    """Return the BLAKE2b digest of a file, 32 hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def seal(folder: Path) -> None:
    """Have all files of an entry reach the disk, then write down a digest of each."""
    lines = []
    for file in sorted(folder.iterdir()):
        to_disk(file)
        lines.append(f"{digest_of(file)}  {file.name}\n")
    (folder / DIGESTS).write_text("".join(lines), encoding="utf-8")
    to_disk(folder / DIGESTS)
    to_disk(folder)


def to_disk(path: Path) -> None:
    """Return when a file, or what a folder lists, would outlive a loss of power."""
    with suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def document_in(folder: Path) -> dict[str, Any] | None:
    """Return the document of an entry; None where it cannot be read."""
    try:
        document = json.loads(look(lambda: (folder / ENTRY).read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def drop(file: Path) -> None:
    """Delete a file of an entry that is not to be kept; the entry stays whole."""
    file.with_name(file.name + NOT_KEPT).touch()
    file.unlink(missing_ok=True)


def fault_of(folder: Path) -> str:
    """Say what is wrong with an entry, in a few words; "" where each file is what was written.

    Nothing lies in an entry that its digests do not list, but hidden files, which no run reads: what was cut off the
    list could be replaced by anything. An entry is read once a process, and again where a file of it has changed
    since. Of entries from before there were digests, weights have one of their own, and it is tried whether the other
    files can be read. Raises PermissionError where they may not be.
    """
    try:
        return look(lambda: _fault_of(folder))
    except PermissionError:
        raise
    except OSError as error:
        return f"{Path(error.filename or folder).name} cannot be read ({error.strerror})"


def _fault_of(folder: Path) -> str:
    if folder.is_symlink() and not folder.exists():
        return "it is a link that leads nowhere"
    with os.scandir(folder) as files:
        found = sorted((file.name, file.stat()) for file in files)
    return _fault(folder, tuple((name, state.st_ino, state.st_mtime_ns, state.st_size) for name, state in found))


@cache
def _fault(folder: Path, states: tuple[tuple[str, int, int, int], ...]) -> str:
    names = {name for name, *_ in states}
    if DIGESTS not in names:
        return _fault_before_digests(folder, names)
    try:
        pairs = [line.split("  ", 1) for line in (folder / DIGESTS).read_text(encoding="utf-8").splitlines()]
        digests = {name: digest for digest, name in pairs}
    except ValueError:
        return f"{DIGESTS} cannot be read"
    if ENTRY not in digests:
        return f"{DIGESTS} is not whole"
    for name in sorted(names - digests.keys() - {DIGESTS}):
        if not name.startswith(".") and not name.endswith(NOT_KEPT):
            return f"{DIGESTS} does not list {name}"
    for name, digest in digests.items():
        if name not in names:
            if name + NOT_KEPT not in names:
                return f"{name} is gone"
        elif digest_of(folder / name) != digest:
            return f"{name} is not what was written"
    return ""


def _fault_before_digests(folder: Path, names: set[str]) -> str:
    if ENTRY not in names:
        return f"{ENTRY} is gone"
    for name in sorted(names):
        file = folder / name
        try:
            if file.suffix == ".json":
                json.loads(file.read_text(encoding="utf-8"))
            elif file.suffix == ".npy":
                import numpy as np  # slow, and entries that have digests do not need it

                np.load(file, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError):
            return f"{name} cannot be read"
    weights, digest = folder / "weights.safetensors", folder / "weights.digest"
    if {weights.name, digest.name} <= names and digest.read_bytes() != digest_of(weights).encode():
        return f"{weights.name} is not what was written"
    return ""
