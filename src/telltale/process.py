"""Processes of machines: which this one is, told so that others can tell whether it is still there; and its memory."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import psutil


def this_process() -> dict[str, Any]:
    """Describe this process so that another one can tell whether it is still there."""
    return {"pid": os.getpid(), "host": _host(), "started": psutil.Process().create_time()}


def is_of_this_machine(process: Mapping[str, Any]) -> bool:
    """Tell whether a process that described itself runs, or ran, where this one does."""
    return process.get("host") == _host()


def is_there(process: Mapping[str, Any]) -> bool:
    """Tell whether a process of this machine that described itself is there.

    Numbers are given again, to processes that started later.
    """
    try:
        found = psutil.Process(int(process["pid"]))
        return abs(found.create_time() - float(process["started"])) < 1 and found.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, TypeError, ValueError):
        return False


def give_memory_back() -> None:
    """Return to the system what was freed: glibc keeps all that lies below something small that was not."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not every libc has it
        if trim is not None:
            trim(0)


@cache
def _host() -> str:
    """Name the machine, and where containers number their processes anew, the container."""
    spaces = Path("/proc/self/ns/pid")
    try:
        return f"{platform.node()} {os.readlink(spaces)}"  # noqa: PTH115 (it points to no file)
    except OSError:
        return platform.node()


def start_quickly() -> None:
    """Look for garbage rarely until `started`: while libraries are loaded there is none, and looking takes a tenth."""
    if not _usual:
        _usual.extend(gc.get_threshold())
    gc.set_threshold(100_000, 50, 100)


def started() -> None:
    """Look for garbage as usual, but not among what was loaded; nothing in a program that has not begun so."""
    if _usual:
        gc.freeze()
        gc.set_threshold(*_usual)
        _usual.clear()


_usual: list[int] = []  # thresholds of the collector
