"""Chunks of a fleet on several GPUs of one machine: a process each, which sees no other; they fill the store."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from telltale.data.workers import cores, end_children, end_with_parent
from telltale.errors import InputError
from telltale.progress import track

log = logging.getLogger("telltale")
VISIBLE = "CUDA_VISIBLE_DEVICES"
_shared: list[Any] = []  # what a worker's jobs read


def visible(device: str) -> list[str]:
    """Name the devices of a kind that fits may be spread over: GPUs by number; a CPU is one, whatever its cores."""
    if device != "cuda":
        return ["cpu"]
    named = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return named or [str(number) for number in range(torch.cuda.device_count())]


def chosen(device: str, wanted: int | str) -> list[str]:
    """Return the devices to be used; wanted: `auto` = all of them, or how many. Raises InputError for too many."""
    there = visible(device)
    if wanted == "auto":
        return there
    if device == "cuda" and int(wanted) > len(there):
        raise InputError("executor.devices", wanted, f"only {len(there)} GPUs are visible here; auto takes them all")
    return there[: int(wanted)]


def spread(jobs: Sequence[Any], shared: Any, devices: Sequence[str]) -> None:
    """Have a process for each device fill the store; the first error stops the others and is raised as it is.

    Where a process is killed the jobs that are left are the caller's, who finds in the store what is done.
    """
    context, before = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    free = context.SimpleQueue()
    for device in devices:
        free.put(device)
    begun = (free, len(devices), shared)
    with ProcessPoolExecutor(len(devices), mp_context=context, initializer=_begin, initargs=begun) as pool:
        running = [pool.submit(_train, job.detached()) for job in jobs]
        try:
            for ended in track(as_completed(running), f"chunks trained on {len(devices)} devices", len(running)):
                ended.result()
        except BrokenProcessPool:
            log.warning("a process that trained on one of several devices was killed; what it had begun goes on here")
        except BaseException as error:
            for future in running:
                future.cancel()
            end_children(before)
            if isinstance(error, KeyboardInterrupt) and not error.args:  # pressed here, not in a worker
                kept = "while training on several devices; what the store has is kept; the same command goes on"
                raise KeyboardInterrupt(kept) from error
            raise


def _begin(free: Any, number: int, shared: Any) -> None:
    """Take a device for this process, before anything in it looks for one."""
    end_with_parent()
    device = free.get()
    if device == "cpu":
        torch.set_num_threads(max(1, cores() // number))
    else:
        os.environ[VISIBLE] = device
    _shared[:] = [shared]


def _train(job: Any) -> str:
    return str(job(_shared[0]))
