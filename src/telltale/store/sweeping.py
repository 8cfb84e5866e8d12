"""What killed runs leave in `.partial`, swept: all that no process holds and no run can go on from."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

MAKES = "makes"  # in the folder of a piece of work: the entries that it makes, one a line
CHECKPOINTS = "checkpoints"
DAY = 86_400  # seconds


def write_makes(work: Path, entries: Iterable[Path]) -> None:
    """Write down in a piece of work's folder which entries it makes."""
    (work / MAKES).write_text("".join(f"{entry.parent.name}/{entry.name}\n" for entry in entries), encoding="utf-8")


def sweep(root: Path) -> None:
    """Delete what no process holds from `<root>/.partial`, but checkpoints of work that is not done.

    A folder without a lock file is of an older version, which may still be writing there: it goes when a day old.
    """
    with suppress(OSError):  # a store that cannot be written, or another process that sweeps
        for path in sorted((root / ".partial").iterdir()):
            if path.suffix == ".lock":
                _sweep_one(root, path.with_suffix(""), path)
            elif not path.with_name(path.name + ".lock").exists() and time.time() - path.stat().st_mtime > DAY:
                _sweep_one(root, path, path.with_name(path.name + ".lock"))


def _sweep_one(root: Path, work: Path, lock_file: Path) -> None:
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    try:
        if not _is_wanted(root, work):
            shutil.rmtree(work, ignore_errors=True)
        with suppress(OSError):  # Windows keeps files that are open
            lock_file.unlink()
    finally:
        lock.release()


def _is_wanted(root: Path, work: Path) -> bool:
    """Say whether a run can go on from what lies there."""
    if not any(file.is_file() for file in (work / CHECKPOINTS).rglob("*")):
        return False
    with suppress(OSError, ValueError):
        entries = (work / MAKES).read_text(encoding="utf-8").split()
        return not entries or not all((root / entry).exists() for entry in entries)
    return True
