"""A progress bar on stderr for work a person would otherwise wait for in silence."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")

PATIENCE_S = 2.0
SILENT: ContextVar[bool] = ContextVar("silent", default=False)


@contextmanager
def silently() -> Iterator[None]:
    """Draw no bar and tell no time inside: for who calls from Python. A decorator, too.

    What is logged is for who listens to the logger "telltale"; Python would write warnings that nobody listens to.
    """
    before, log, nobody = SILENT.set(True), logging.getLogger("telltale"), logging.NullHandler()
    log.addHandler(nobody)
    try:
        yield
    finally:
        log.removeHandler(nobody)
        SILENT.reset(before)


def track(iterable: Iterable[T], description: str, total: int | None = None, each: int = 1) -> Iterator[T]:
    """Yield the items of `iterable`; show a bar once that has taken over two seconds.

    total: number of items, where `iterable` has no length; each: how many of them an item of `iterable` stands for,
    where it is a chunk (the last may be smaller). Without a terminal (log files, CI) nothing is
    drawn and one line tells at the end how long it took.
    """
    if SILENT.get():
        yield from iterable
        return
    console = Console(stderr=True)
    total = len(iterable) if total is None and isinstance(iterable, Sized) else total
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(description, total=total)
    started, done, shown = time.monotonic(), 0, False
    try:
        for item in iterable:
            yield item
            done = done + each if total is None else min(done + each, total)
            bar.update(task, completed=done)
            if not shown and console.is_terminal and time.monotonic() - started > PATIENCE_S:
                bar.start()
                shown = True
    finally:
        if shown:
            bar.stop()
        if (seconds := time.monotonic() - started) > PATIENCE_S:
            of = "" if total in (None, done) else f" of {total}"
            console.print(f"{description}: {done}{of} in {seconds:.0f} s", highlight=False, soft_wrap=True)
