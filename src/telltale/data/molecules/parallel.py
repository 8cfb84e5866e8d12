"""Map a function over many SMILES in worker processes: text and arrays travel, molecule objects never do."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from telltale.data.workers import cores, end_children, end_with_parent, starting_workers
from telltale.progress import track

T = TypeVar("T")

SMALL = 2000  # molecules below which starting workers costs more than it saves
CHUNK = 1000  # molecules a task


def in_chunks(
    function: Callable[[list[str]], T], smiles: Sequence[str], workers: int | None, description: str
) -> list[T]:
    """Return `function` of each run of CHUNK SMILES, in order.

    workers: processes, None = as many as this process may use. `function` must be importable by name.
    """
    chunks = [list(smiles[start : start + CHUNK]) for start in range(0, len(smiles), CHUNK)]
    count = min(cores() if workers is None else workers, len(chunks))
    if len(smiles) < SMALL or count < 2:
        return [function(chunk) for chunk in track(chunks, description, len(smiles), CHUNK)]
    # "spawn": a forked child of a process that has started torch's threads can hang.
    context, before = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    try:
        with ProcessPoolExecutor(count, mp_context=context, initializer=end_with_parent) as pool:
            try:
                with starting_workers():
                    results = pool.map(function, chunks)
                return list(track(results, description, len(smiles), CHUNK))
            except KeyboardInterrupt:  # whoever stops the command does not wait for what is half done
                end_children(before)
                raise
    except BrokenProcessPool:  # e.g. called from a script without `if __name__ == "__main__"`
        return [function(chunk) for chunk in track(chunks, description, len(smiles), CHUNK)]
