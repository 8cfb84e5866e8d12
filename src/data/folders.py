"""Find the files of a data set in a folder the user already has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from src.errors import InputError


def require_root(root: str | Path | None, expected: str) -> Path:
    """Return `root` as a path. Raises InputError, naming what is `expected`, where it is missing."""
    if root is None:
        raise InputError("dataset.root", "null", f"expected {expected}")
    path = Path(root).expanduser()
    if not path.exists():
        raise InputError("dataset.root", root, f"no such file or folder; expected {expected}")
    return path


def first_found(folders: Iterable[Path], patterns: Iterable[str]) -> list[Path]:
    """Return the files of the first pattern that any folder has, patterns before folders, sorted by name."""
    folders = list(folders)
    for pattern in patterns:
        for folder in folders:
            if found := sorted(file for file in folder.glob(pattern) if file.is_file()):
                return found
    return []
