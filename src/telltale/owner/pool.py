"""Jobs in processes of this machine, which fill the store: begun, stopped at the first error, told when interrupted."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import SpawnContext
from typing import Any

from telltale.data.workers import end_children, end_with_parent, starting_workers
from telltale.progress import track

_shared: list[Any] = []  # what a worker's jobs read


def in_processes(
    jobs: Sequence[Any],
    shared: Any,
    workers: int,
    begin: Callable[[], object],
    *,
    title: str,
    how: str,
    told: Callable[[Any], None] = lambda job: None,
) -> bool:
    """Have so many processes do all jobs; False where one was killed, and what is left is the caller's.

    begin  makes a process ready, before its first job
    title  of the progress line
    how    after "while training", for Ctrl-C
    told   of each job that has ended well

    The first error stops the others and is raised as it is.
    """
    # "spawn": a forked child of a process that has started torch's threads can hang
    context, before = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    if not _begins(context):
        return False
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(begin, shared)) as pool:
        running: dict[Future[str], Any] = {}

        def stop() -> None:
            for future in running:
                future.cancel()
            end_children(before)

        with stopped_whole(how, stop):
            try:
                with starting_workers():
                    for job in jobs:
                        running[pool.submit(_do, job.detached())] = job
                for ended in track(as_completed(running), title, len(running)):
                    ended.result()
                    told(running[ended])
            except BrokenProcessPool:
                return False
    return True


@contextmanager
def stopped_whole(how: str, stop: Callable[[], None]) -> Iterator[None]:
    """Stop what else runs at any error; what was interrupted here, and not in a worker, says what is kept."""
    try:
        yield
    except BaseException as error:
        stop()
        if isinstance(error, KeyboardInterrupt) and not error.args:
            kept = f"while training {how}; what the store has is kept; the same command goes on from there"
            raise KeyboardInterrupt(kept) from error
        raise


def _begins(context: SpawnContext) -> bool:
    """Say whether a process can begin: in a script without `if __name__ == "__main__"` none does.

    A pool would wait there for ever, to hand what is shared to a process that has gone.
    """
    probe = context.Process(target=end_with_parent)
    with starting_workers():
        probe.start()
    probe.join()
    return probe.exitcode == 0


def _begin(begin: Callable[[], object], shared: Any) -> None:
    end_with_parent()
    begin()
    _shared[:] = [shared]


def _do(job: Any) -> str:
    return str(job(_shared[0]))
