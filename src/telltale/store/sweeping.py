"""What killed runs leave in `.partial`, swept: all that no process holds and no run can go on from."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from telltale.store.locks import CLAIM, LOCK, Lock

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
            if path.suffix in (LOCK, CLAIM):
                _sweep_one(root, path.with_suffix(""))
            elif path.with_name(path.name + LOCK).exists():
                continue  # its turn is with its lock
            elif time.time() - path.stat().st_mtime > DAY:
                _sweep_one(root, path)


def _sweep_one(root: Path, work: Path) -> None:
    lock = Lock(work.with_name(work.name + LOCK))
    try:
        lock.acquire(wait=False)
    except Timeout:
        return
    try:
        if work.is_file():
            work.unlink()
        elif not _is_wanted(root, work):
            shutil.rmtree(work, ignore_errors=True)
        lock.forget()
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
