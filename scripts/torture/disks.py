"""A full disk, a refused file, a store that vanishes: one line with a file and a reason, and nothing lost."""

from __future__ import annotations

import builtins
import ctypes
import errno
import io
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from scripts.torture.fork import Ended, call
from scripts.torture.row import Row
from scripts.torture.scene import COMMANDS, Scene, placed, row

REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE)
LIMIT_S = 200


def run(trials: int, seed: int, folder: Path) -> list[Row]:
    """Refuse the n-th file in half of the trials; the rest is disks too small, closed folders, vanishing stores."""
    rng = np.random.default_rng(seed)
    scene = Scene.of(next(iter(COMMANDS)), folder / "scene")
    few = max(1, trials // 6)
    opened = _count(scene, folder / "trial")
    rows = [_refused(scene, max(few, trials - 3 * few), opened, rng, folder / "trial")]
    rows += [_full(scene, few, rng, folder / "trial"), _vanished(scene, few, rng, folder / "trial")]
    return [*rows, _closed(scene, few, folder)]


def _fault(ended: Ended, statuses: Counter[str], place: Path) -> str:
    file = place / "run" / "run.json"
    try:
        status = str(json.loads(file.read_text(encoding="utf-8"))["status"])
    except FileNotFoundError:
        status = "none"
    except ValueError:
        return "wrong: run.json is no JSON"
    statuses[status] += 1
    if ended.has_traceback:
        return f"traceback: {ended.output.strip().splitlines()[-1]}"
    if ended.code != 0 and not ended.is_one_line:
        return f"wrong: ended with {ended.code}: {ended.output[-200:]!r}"
    return f"silent: run.json says {status} of {ended.code}" if (status == "finished") != (ended.code == 0) else ""


def _told(statuses: Counter[str], *others: str) -> str:
    return "; ".join((*others, "run.json: " + ", ".join(f"{count} {name}" for name, count in statuses.most_common())))


def _refused(scene: Scene, trials: int, opened: int, rng: np.random.Generator, place: Path) -> Row:
    """Each fault is an errno for the n-th file that the command opens to write, replaces, or the n-th folder."""
    faults, statuses = [], Counter[str]()
    for trial in range(trials):
        shutil.rmtree(place, ignore_errors=True)
        number, nth = REFUSALS[trial % len(REFUSALS)], int(rng.integers(0, opened))
        words = placed(scene.words, place)
        ended = call(words, place / "log", LIMIT_S, lambda nth=nth, number=number: _refuse(place, nth, number))  # type: ignore[misc]
        faults.append(_fault(ended, statuses, place) or scene.fault_of_rerun(place))
    names = ", ".join(errno.errorcode[number] for number in REFUSALS)
    return row(f"the n-th of {opened} files refused", faults, _told(statuses, names))


def _refuse(place: Path, nth: int, number: int, tally: Callable[[], None] = lambda: None) -> None:
    """Break, in this process, the n-th act that changes something below a folder."""
    left, names = [nth], (f"{place}{os.sep}store", f"{place}{os.sep}run", f"{place}{os.sep}cache")

    def broken(plain: Callable[..., Any], writes: Callable[..., bool]) -> Callable[..., Any]:
        def act(file: Any, *arguments: Any, **options: Any) -> Any:
            named = os.fsdecode(file) if isinstance(file, str | bytes | os.PathLike) else ""
            if named.startswith(names) and writes(*arguments, **options):
                tally()
                left[0] -= 1
                if left[0] == -1:
                    raise OSError(number, os.strerror(number), named)
            return plain(file, *arguments, **options)

        return act

    def to_write(mode: Any = "r", *_: Any, **__: Any) -> bool:
        return any(letter in mode for letter in "wax+")

    builtins.open = io.open = broken(io.open, to_write)
    for name in ("replace", "rename", "mkdir", "rmdir", "unlink"):
        setattr(os, name, broken(getattr(os, name), lambda *_, **__: True))
    os.open = broken(os.open, lambda flags, *_, **__: bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))


def _count(scene: Scene, place: Path) -> int:
    """Return how many such acts an undisturbed run takes."""
    shutil.rmtree(place, ignore_errors=True)
    with tempfile.TemporaryFile() as file:
        ended = call(
            placed(scene.words, place), place / "log", LIMIT_S, lambda: _refuse(place, -9, 0, lambda: _mark(file))
        )
        file.seek(0)
        count = len(file.read())
    if ended.code != 0:
        raise RuntimeError(f"counting alone disturbs the run\n{ended.output}")
    return count


def _mark(file: Any) -> None:
    os.write(file.fileno(), b".")


def _full(scene: Scene, trials: int, rng: np.random.Generator, place: Path) -> Row:
    """Each fault is a disk of a size drawn from the seed; afterwards it gets room, and the command is given again."""
    faults, statuses, sizes = [], Counter[str](), []
    for _ in range(trials):
        kib = int(rng.integers(1, 40)) * 16
        sizes.append(kib)
        with _disk(place, kib) as grow:
            ended = call(placed(scene.words, place), place.with_suffix(".log"), LIMIT_S, None if grow else _limit(kib))
            fault = _fault(ended, statuses, place)
            if grow:
                grow()
            faults.append(fault or scene.fault_of_rerun(place))
    kind = "disks" if can_mount() else "files of at most"
    return row("a full disk", faults, _told(statuses, f"{kind} {min(sizes)}–{max(sizes)} KiB"))


def can_mount() -> bool:
    """Tell whether this user may make a small disk."""
    with tempfile.TemporaryDirectory() as place:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", "-l", place], check=False)
        return True


@contextmanager
def _disk(place: Path, kib: int) -> Iterator[Callable[[], None] | None]:
    """Give a folder a disk of its own and yield what makes it large; None where no disk can be made."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if not can_mount():
        yield None
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", place], check=True)
    try:
        yield lambda: _grow(place)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def _grow(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=1g", place], check=True)


def _limit(kib: int) -> Callable[[], None]:
    """Return what keeps files of a process below a size: the nearest to a full disk without a disk."""

    def before() -> None:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kib * 1024, kib * 1024))

    return before


def _vanished(scene: Scene, trials: int, rng: np.random.Generator, place: Path) -> Row:
    """Each fault is a store that is gone from some moment on, as one is that was unmounted."""
    faults, statuses = [], Counter[str]()
    for _ in range(trials):
        shutil.rmtree(place, ignore_errors=True)
        after, store = float(rng.uniform(0.1, 1)) * scene.ended.seconds, place / "store"

        def vanish(after: float = after, store: Path = store) -> None:
            def gone() -> None:
                if store.exists():
                    store.rename(place / "gone")
                    store.write_text("")  # nor can it be made again

            threading.Timer(after, gone).start()

        ended = call(placed(scene.words, place), place / "log", LIMIT_S, vanish)
        fault = _fault(ended, statuses, place)
        if (place / "gone").exists():
            store.unlink()
            (place / "gone").rename(store)
        faults.append(fault or scene.fault_of_rerun(place))
    return row("a store that vanishes", faults, _told(statuses))


def _closed(scene: Scene, trials: int, folder: Path) -> Row:
    """Each fault is a file or folder of a finished run that may no longer be read or written."""
    faults, statuses, place = [], Counter[str](), folder / "trial"
    for trial in range(trials):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder / "scene", place)
        everything = sorted(place.rglob("*"))
        closed = everything[(trial * 37) % len(everything)]
        mode = closed.stat().st_mode
        closed.chmod(0o000)
        ended = call(placed(scene.words, place), place / "log.trial", LIMIT_S, _be_bound)
        fault = _fault(ended, statuses, place)
        if closed.exists():
            closed.chmod(mode)
        faults.append(fault or scene.fault_of_rerun(place))
    return row("a file or folder without permission", faults, _told(statuses))


def _be_bound() -> None:
    """Have permissions bind this process, be it root's: it gives up the two powers that pass over them."""
    if os.getuid() != 0:
        return
    libc, words = ctypes.CDLL(None, use_errno=True), ctypes.c_uint32
    header, powers = (words * 2)(0x20080522, 0), (words * 6)()
    if libc.capget(header, powers) == 0:
        powers[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, of the set in effect
        libc.capset(header, powers)
