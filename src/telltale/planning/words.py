"""Words of a command line that is only planned: its jobs run here, one after the other, in a folder that is deleted."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")
LAUNCHING = ("hydra/launcher", "hydra.launcher")  # jobs of a plan share what they find out
NAMES = ("sweep.", "sweep=")  # of a sweep, whose ledger is for runs


@contextmanager
def elsewhere(arguments: list[str]) -> Iterator[None]:
    """Have what Hydra writes of a plan go to a folder that is deleted, and end with the total of a sweep; in place."""
    if not any(is_plan(word) for word in arguments[1:]):
        yield
        return
    place = tempfile.mkdtemp(prefix="telltale-plan-")
    kept = [word for word in arguments[1:] if not word.lstrip("+").startswith((*FOLDERS, *LAUNCHING, *NAMES))]
    folders = [f"{folder}={place}/{name}" for folder, name in zip(FOLDERS, ("run", "sweep"), strict=True)]
    arguments[1:] = [*kept, *folders]
    try:
        yield
        if (planned := sys.modules.get("telltale.planning.rehearse")) and {"-m", "--multirun"} & set(arguments):
            planned.show_total()
    finally:
        if planned := sys.modules.get("telltale.planning.rehearse"):
            planned.forget()
        shutil.rmtree(place, ignore_errors=True)


def is_plan(word: str) -> bool:
    """Tell whether a word asks for a plan."""
    name, _, value = word.lstrip("+").partition("=")
    return name == "plan" and value.strip("'\"").lower() == "true"
