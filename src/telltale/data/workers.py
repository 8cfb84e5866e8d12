"""Worker processes end with the process that started them, however that one ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

BREATH_S = 0.5


def cores() -> int:
    """Count the cores this process may use; 1 where it can have no children.

    That is in a daemonic worker, and in a program that a child cannot import: one read from standard input, or a script
    without `if __name__ == "__main__"`, which a child would run again.
    """
    if multiprocessing.current_process().daemon or not _can_be_imported():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _can_be_imported() -> bool:
    main = sys.modules["__main__"]
    file, name = getattr(main, "__file__", None), getattr(getattr(main, "__spec__", None), "name", "")
    if file is None or name.endswith("__main__"):  # what a child leaves alone
        return True
    try:
        return "__name__" in Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def end_with_parent() -> None:
    """Watch, in a worker, over its parent, and end at once where that is gone; does nothing in any other process.

    A parent that was killed tells nobody, and its workers would wait for their next task for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


@contextmanager
def starting_workers() -> Iterator[None]:
    """Let workers that are started inside hear no Ctrl-C, which a terminal sends to all: who starts them ends them.

    One that waits for a task, or is only beginning, would say in a traceback where it was.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def end_children(before: list[BaseProcess]) -> None:
    """End the children of this process that were not there `before`; their tasks are wanted no more."""
    for child in multiprocessing.active_children():
        if child not in before:
            child.terminate()


def _watch(parent: BaseProcess) -> None:
    if os.name == "posix":  # not all who start workers, joblib for one, leave them anything to wait for
        while os.getppid() == parent.pid:
            time.sleep(BREATH_S)
    else:
        parent.join()
    os._exit(1)
