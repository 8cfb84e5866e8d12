"""Results of an earlier run in the same folder: never beside a new configuration, never lost to a refused command."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from telltale.errors import InputError

ASIDE = ".earlier"  # where they wait until the new command is accepted
# what a run writes, itself or by `scripts/`; all else in its folder is the user's, and `wandb/` has a folder a run
RESULTS = (
    *("config.yaml", "run.json", "metrics.json", "replicates.npz", "report.html", "made_by.json"),
    *("evidence.npz", "evidence.csv", "evidence.parquet", "lists.parquet", "ranges.csv", "candidates.csv"),
    *("exposure.csv", "captions.csv", "invalid_records.csv"),
    *("answers.npz", "scalars.csv", "metrics.csv", "figures/*.png"),
)


def results_in(folder: Path) -> list[Path]:
    """Return the files of a run's folder that a run has written, relative to it."""
    return [file.relative_to(folder) for pattern in RESULTS for file in sorted(folder.glob(pattern))]


def set_aside(folder: Path) -> None:
    """Move an earlier run's files out of the way; those of one that was never accepted are deleted."""
    aside = folder / ASIDE
    if aside.exists():
        clear(folder)
    elif results := results_in(folder):
        _move(results, folder, aside)
        _rmdir(folder / "figures")


def put_back(folder: Path) -> None:
    """Undo `set_aside`, and what was written since."""
    clear(folder)
    aside = folder / ASIDE
    if aside.exists():
        _move(results_in(aside), aside, folder)
        forget(folder)


def clear(folder: Path) -> None:
    """Delete what a run has written into its folder."""
    for file in results_in(folder):
        (folder / file).unlink()
    _rmdir(folder / "figures")


def forget(folder: Path) -> None:
    """Delete what was set aside."""
    if (folder / ASIDE).exists():
        shutil.rmtree(folder / ASIDE)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder against other runs, in this process or any other; InputError where one is in there now."""
    try:
        import fcntl
    except ImportError:  # Windows: a folder cannot be locked there
        yield
        return
    import os

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, and leaves no file behind
        except BlockingIOError as error:
            expected = "another run is in there now; give each its own folder, or wait for it to end"
            raise InputError("hydra.run.dir", folder, expected) from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)


def _move(files: list[Path], source: Path, target: Path) -> None:
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        (source / file).replace(target / file)


def _rmdir(folder: Path) -> None:
    with suppress(OSError):  # the user's own files are in there, or it is not there
        folder.rmdir()
