"""How a run ended, from its run.json: also where its process was killed and could not write it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

RUNNING, INTERRUPTED = "running", "interrupted"


def this_process() -> dict[str, Any]:
    """Describe this process so that another one can tell whether it is still there."""
    return {"pid": os.getpid(), "host": _host(), "started": psutil.Process().create_time()}


def status_of(run: Mapping[str, Any]) -> str:
    """Return `finished`, `failed`, `interrupted` or `running`, of the document in run.json.

    A run that says it is running, of a process of this machine that is gone, was interrupted.
    """
    status, process = str(run.get("status")), run.get("process")
    if status == RUNNING and isinstance(process, Mapping) and process.get("host") == _host() and not is_there(process):
        return INTERRUPTED
    return status


def is_there(process: Mapping[str, Any]) -> bool:
    """Tell whether a process that described itself is there: numbers are given again, with a later start."""
    try:
        found = psutil.Process(int(process["pid"]))
        return abs(found.create_time() - float(process["started"])) < 1 and found.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, TypeError, ValueError):
        return False


def _host() -> str:
    """Name the machine, and where containers number their processes anew, the container."""
    spaces = Path("/proc/self/ns/pid")
    try:
        return f"{platform.node()} {os.readlink(spaces)}"  # noqa: PTH115 (it points to no file)
    except OSError:
        return platform.node()
