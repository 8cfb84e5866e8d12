"""Chunks of a fleet on several GPUs of one machine: a process each, which sees no other; they fill the store."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from telltale.data.workers import cores
from telltale.errors import InputError
from telltale.owner.pool import in_processes

log = logging.getLogger("telltale")
VISIBLE = "CUDA_VISIBLE_DEVICES"


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
    free = multiprocessing.get_context("spawn").SimpleQueue()
    for device in devices:
        free.put(device)
    begin = partial(_take, free, len(devices))
    title, how = f"chunks trained on {len(devices)} devices", "on several devices"
    if not in_processes(jobs, shared, len(devices), begin, title=title, how=how):
        log.warning("a process that trained on one of several devices was killed; what it had begun goes on here")


def _take(free: Any, number: int) -> None:
    """Take a device for this process, before anything in it looks for one."""
    device = free.get()
    if device == "cpu":
        torch.set_num_threads(max(1, cores() // number))
    else:
        os.environ[VISIBLE] = device
