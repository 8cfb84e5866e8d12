"""What spare cores compute while the flow is elsewhere: by the time it is asked for, the store has it, or nearly.

A process a core, each on one thread: whoever is faster, the store has the same, and no number depends on it.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any

from telltale.data.workers import cores, end_children, end_with_parent, starting_workers


class _Workers:
    """Processes that work off what was begun, in its order; what they have not come to can be taken back."""

    def __init__(self, number: int) -> None:
        # "spawn": a forked child of a process that has started torch's threads can hang
        context, self.before = multiprocessing.get_context("spawn"), multiprocessing.active_children()
        self.processes = ProcessPoolExecutor(number, mp_context=context, initializer=_prepare)
        self.queue = ThreadPoolExecutor(number)  # the processes' own queue gives nothing back
        self.begun: dict[str, Future[Any]] = {}

    def begin(self, name: str, work: Callable[[], Any]) -> None:
        self.begun[name] = self.queue.submit(self._do, work)

    def _do(self, work: Callable[[], Any]) -> None:
        with starting_workers():
            done = self.processes.submit(_done, work)
        done.result()

    def end(self) -> None:
        self.queue.shutdown(wait=False, cancel_futures=True)
        if left := any(not future.done() for future in self.begun.values()):  # begun, and wanted no more
            end_children(self.before)
        self.processes.shutdown(wait=left, cancel_futures=True)


_open: list[list[_Workers]] = []  # the last is in force; empty until something is begun
_instead: list[Callable[[], None]] = []  # the last is in force


@contextmanager
def ahead() -> Iterator[None]:
    """Let `begin` have a process for each core but this one's; what nobody has asked for at the end is dropped."""
    _open.append([])
    try:
        yield
    finally:
        for workers in _open.pop():
            workers.end()


@contextmanager
def told_instead(tell: Callable[[], None]) -> Iterator[None]:
    """Have `begin` only tell that another process would have been given work: whoever asks for it does it."""
    _instead.append(tell)
    try:
        yield
    finally:
        _instead.pop()


def begin(name: str, work: Callable[[], Any]) -> None:
    """Have another process do `work`, which fills the store; nothing outside `ahead`, or where it was begun before.

    work: can be pickled.
    """
    if not has_spare_cores():
        return
    if _instead:
        _instead[-1]()
        return
    if not _open[-1]:
        _open[-1].append(_Workers(cores() - 1))
    workers = _open[-1][0]
    if name not in workers.begun:
        workers.begin(name, work)


def has_spare_cores() -> bool:
    """Tell whether `begin` does anything here."""
    return bool(_open) and cores() > 1


def settle(name: str) -> None:
    """Wait for what was begun under this name, or take it back where no process has come to it; else do nothing.

    Work that failed is done again by whoever asks, and fails there.
    """
    for workers in _open[-1] if _open else ():
        future = workers.begun.get(name)
        if future is not None and not future.cancel():
            with suppress(Exception, BrokenProcessPool):
                future.result()


def _prepare() -> None:
    end_with_parent()


def _done(work: Callable[[], Any]) -> None:
    from threadpoolctl import threadpool_limits

    if torch := sys.modules.get("torch"):  # by now: what was pickled has brought it
        torch.set_num_threads(1)
    with threadpool_limits(limits=1, user_api="blas"):  # sums round by how many there are
        work()
