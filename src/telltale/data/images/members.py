"""Which pictures of a folder a model was trained on: a folder of them, or a list of paths."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telltale.data.folders import files_below
from telltale.data.given import Given
from telltale.data.images.pictures import ENDINGS
from telltale.data.members import with_said
from telltale.errors import InputError
from telltale.writing import escaped


def with_pictures_said(
    given: Given,
    members: str | None,
    root: Path,
    files: Sequence[Path],
    readable: np.ndarray,
    follow_links: bool = False,
) -> Given:
    """Return the same pictures with who was a member; as they are where nothing is said.

    members: a folder below `root`, e.g. train, all of which are members; one elsewhere, which holds the same files;
    or a list of paths below `root`. files: all that were looked at; readable: (files,) bool, those that are pictures.
    Raises InputError for a picture of that folder that is not in the data.
    """
    if members is None:
        return given
    for folder in (root / members, Path(members).expanduser()):
        if folder.is_dir():
            return given.with_members(_in_folder(given, folder, root, files, follow_links)[readable])
    ids = np.array([escaped(file.relative_to(root).as_posix()) for file in files])
    return with_said(given, members, ids, np.flatnonzero(readable), "a folder of the members, or ")


def _in_folder(given: Given, folder: Path, root: Path, files: Sequence[Path], follow_links: bool) -> np.ndarray:
    place, whole = folder.resolve(), root.resolve()
    if place == whole:
        raise InputError("dataset.members", folder, "is dataset.root itself; expected the folder of the members alone")
    if place.is_relative_to(whole):
        below = place.relative_to(whole)
        member = np.array([file.relative_to(root).is_relative_to(below) for file in files])
        if not member.any():
            raise InputError("dataset.members", folder, "no picture of the data lies in it")
        return member
    listed = files_below(folder, ENDINGS, follow_links).files
    if not listed:
        raise InputError("dataset.members", folder, f"no picture lies in it; {ENDINGS[0]} or another of them")
    return _equal_to(listed, files, folder, given.source)


def _equal_to(listed: Sequence[Path], files: Sequence[Path], folder: Path, source: str) -> np.ndarray:
    """Tell which files are in another folder, too, byte for byte: (files,)."""
    sizes = {file.stat().st_size for file in listed}
    ours = [_digest(file) if file.stat().st_size in sizes else None for file in files]
    theirs = [_digest(file) for file in listed]
    known = set(ours)
    if lacking := [file for file, digest in zip(listed, theirs, strict=True) if digest not in known]:
        first = escaped(str(lacking[0].relative_to(folder)))
        expected = (
            f"{len(lacking):,} of its {len(listed):,} pictures are not in {source}, byte for byte; first: {first}"
        )
        raise InputError("dataset.members", folder, expected)
    inside = set(theirs)
    return np.array([digest in inside for digest in ours])


def _digest(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").digest()
