"""How a run ended, from its run.json: also where its process was killed and could not write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telltale.process import is_of_this_machine, is_there
from telltale.process import this_process as this_process

RUNNING, INTERRUPTED = "running", "interrupted"


def status_of(run: Mapping[str, Any]) -> str:
    """Return `finished`, `failed`, `interrupted` or `running`, of the document in run.json.

    A run that says it is running, of a process of this machine that is gone, was interrupted.
    """
    status, process = str(run.get("status")), run.get("process")
    if status == RUNNING and isinstance(process, Mapping) and is_of_this_machine(process) and not is_there(process):
        return INTERRUPTED
    return status
