"""How many threads torch computes on, where the matrices are small."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[int]:
    """Compute on one thread inside: matrices this small only wait for a second one. Yields how many there were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


@contextmanager
def one_thread_each(most: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Open a pool of as many workers as torch has threads, at most `most`: one thread each, so equal digits on any.

    OpenMP counts for each thread by itself: what the opener sets holds for no worker.
    """
    with one_thread() as threads:
        workers = threads if most is None else min(most, threads)
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
