"""Looks at files that other machines write, replace and delete, as one looks at those of a local disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

TIMES = 5  # that a stale handle is looked up anew
Found = TypeVar("Found")


def look(at: Callable[[], Found]) -> Found:
    """Return what `at` finds, looking anew where NFS says ESTALE: the file was replaced or deleted since it was opened.

    Raises FileNotFoundError where that does not end: then it is gone.
    """
    for _ in range(TIMES):
        try:
            return at()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            stale = error
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), stale.filename) from stale


def exists(path: Path) -> bool:
    """Tell whether a file or folder is there."""
    try:
        return look(path.exists)
    except FileNotFoundError:
        return False


def folders_in(folder: Path) -> list[Path]:
    """Return what lies in a folder, in the order of names; nothing where there is no such folder."""
    try:
        return look(lambda: sorted(folder.glob("*")))
    except FileNotFoundError:
        return []
