"""Find the files of a data set in a folder the user already has."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

from telltale.errors import InputError


def require_root(root: str | Path | None, expected: str) -> Path:
    """Return `root` as a path. Raises InputError, naming what is `expected`, where it is missing."""
    if root is None:
        raise InputError("dataset.root", "null", f"expected {expected}")
    path = Path(root).expanduser()
    if not path.exists():
        raise InputError("dataset.root", root, f"no such file or folder; expected {expected}")
    return path


def why_no_file(path: Path) -> str | None:
    """Say why there is no file at `path`, None where there is one; a name may be one that no file can have."""
    try:
        return None if stat.S_ISREG(path.stat().st_mode) else "no such file"
    except (FileNotFoundError, NotADirectoryError):
        return "no such file"
    except OSError as error:  # e.g. a name that is too long
        return f"no such file ({error.strerror})"
    except ValueError as error:  # a NUL, or half of a surrogate pair
        return f"no such file ({str(error).split(':')[0]})"


def first_found(folders: Iterable[Path], patterns: Iterable[str]) -> list[Path]:
    """Return the files of the first pattern that any folder has, patterns before folders, sorted by name."""
    folders = list(folders)
    for pattern in patterns:
        for folder in folders:
            if files := sorted(file for file in folder.glob(pattern) if file.is_file()):
                return files
    return []
