"""A command, what an undisturbed run of it gives in a fresh store, and what a disturbed one is asked afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from scripts.same_numbers import differences, figures_of
from scripts.torture.fork import QUICK, Child, Ended, call
from scripts.torture.row import Row

SMALL = ("objective.epochs=2", "evaluation.replicates=20")
MOLECULES = ("attack=molextract", "model=gin", "attack.rings=4", "attack.motifs=8", "pools.members=150")
COMMANDS: dict[str, tuple[str, ...]] = {
    "lira": (*QUICK, "attack=lira", *SMALL),
    "dp_sgd": (*QUICK, "attack=threshold", "defense=dp_sgd", *SMALL),
    "molextract": (*QUICK, *MOLECULES, *SMALL),
}
PATIENCE_S = 3  # in which workers must have seen that their parent is gone


@dataclass(frozen=True)
class Scene:
    """A command that was run undisturbed.

    name     for the table
    words    of the command line
    figures  of the undisturbed run, see `figures_of`
    ended    how it ended: its seconds, what it printed
    store    names of the entries that it left in its store
    """

    name: str
    words: tuple[str, ...]
    figures: dict[str, Any]
    ended: Ended
    store: tuple[str, ...]

    @classmethod
    def of(cls, name: str, folder: Path) -> Scene:
        """Run a command of `COMMANDS` in a folder of its own."""
        words = COMMANDS[name]
        ended = call(placed(words, folder), folder / "log")
        if ended.code != 0:
            raise RuntimeError(f"{name}: the undisturbed run failed\n{ended.output}")
        return cls(name, words, figures_of(folder / "run"), ended, entries(folder))

    def fault_of_rerun(self, folder: Path) -> str:
        """Run it again in the folder in which it was disturbed; "" where that went well, else what did not."""
        ended = call(placed(self.words, folder), folder / "log.rerun")
        if ended.has_traceback:
            return "traceback"
        if ended.code != 0:
            return f"wrong: the rerun ended with {ended.code}: {ended.output[-200:]}"
        if found := list(differences(self.figures, figures_of(folder / "run"))):
            return f"silent: {len(found)} figures differ, first {found[0]}"
        left = [file.name for file in (folder / "store" / ".partial").iterdir()]
        return f"wrong: left in .partial: {', '.join(left)}" if left else ""


def placed(words: Sequence[str], folder: Path, run: str = "run") -> list[str]:
    """Return the words with all places below one folder."""
    return [*words, f"paths.outputs={folder}", f"hydra.run.dir={folder}/{run}"]


def entries(folder: Path) -> tuple[str, ...]:
    """Name the entries of a store by kind and key."""
    return tuple(sorted(f"{place.parent.name}/{place.name}" for place in (folder / "store").glob("[!.]*/*")))


def leftovers(child: Child) -> list[int]:
    """Return the processes that a dead child leaves behind after `PATIENCE_S`, and kill them."""
    deadline = time.monotonic() + PATIENCE_S
    while (there := _group(child.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in there:
        os.kill(pid, signal.SIGKILL)
    return there


def _group(leader: int) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (OSError, psutil.Error):  # it has just gone
            continue
    return found


def row(test: str, faults: Sequence[str], note: str = "") -> Row:
    """Count what became of each fault: "" = survived, else a text that begins with wrong, silent or traceback."""
    kinds = Counter(fault.split(":")[0] for fault in faults if fault)
    first = next((fault for fault in faults if fault), "")
    said = "; ".join(filter(None, (note, f"first: {first}" if first else "")))
    return Row(test, len(faults), faults.count(""), kinds["wrong"], kinds["silent"], kinds["traceback"], said)
