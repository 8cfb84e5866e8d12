"""Sweeps without experiments: jobs that write what a run would, and launchers that die at a given write."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from telltale.reporting.status import this_process
from telltale.sweeps import launching
from telltale.sweeps.grid import words_of
from telltale.sweeps.launching import BASIC, LedgerLauncher
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.states import Page
from telltale.sweeps.summary import release_sweep

Work = Callable[[int, Sequence[str]], float]


class Killed(BaseException):
    """The process is gone: nothing of it is written any more."""


@dataclass
class Clock:
    """Counts writes of the ledger until the process is killed, before or after that write reached the disk."""

    left: int = 10**9
    after: bool = False

    def tick(self, write: Callable[[], Page]) -> Page:
        self.left -= 1
        if self.left > 0:
            return write()
        if self.left == 0 and self.after:
            write()
        raise Killed


@dataclass(frozen=True)
class Mortal(Ledger):
    """A ledger whose process may be killed; its locks go with it, as the system takes them."""

    clock: Clock = field(default_factory=Clock)

    def change(self, changed: Callable[[Page], Page], made_of: Page | None = None) -> Page:
        return self.clock.tick(lambda: Ledger.change(self, changed, made_of))


@dataclass
class InTurn:
    """A launcher as Hydra's own: one job after the other, each with its number, errors handed back."""

    ledger: Ledger
    work: Work
    on_failure: str = "keep_going"

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        return [self._job(initial_job_idx + place, words) for place, words in enumerate(job_overrides)]

    def _job(self, number: int, words: Sequence[str]) -> JobReturn:
        end, folder = JobReturn(list(words), status=JobStatus.COMPLETED), self.ledger.folder / str(number)
        try:
            with self.ledger.job(number, words_of(words), folder, self.on_failure) as run:
                if run is not None:
                    run.value = end._return_value = self.work(number, words)
                    results(folder)
        except Exception as error:
            end.status, end._return_value = JobStatus.FAILED, error
        return end


def results(folder: Path) -> None:
    run = {"status": "finished", "process": this_process()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in (("metrics.json", {"metrics": {}}), ("run.json", run)):
        (folder / name).write_text(json.dumps(document))


def configuration(folder: Path, *words: str, on_failure: str = "keep_going") -> DictConfig:
    hydra: dict[str, Any] = {
        "sweep": {"dir": str(folder)},
        "runtime": {"cwd": str(folder.parent)},
        "sweeper": {"_target_": BASIC},
        "overrides": {"task": list(words)},
    }
    return OmegaConf.create({"sweep": {"name": folder.name, "on_failure": on_failure}, "hydra": hydra})


def sweep(
    folder: Path, work: Work, *words: str, clock: Clock | None = None, on_failure: str = "keep_going"
) -> list[JobReturn]:
    """Give the command of a named sweep once; raises Killed where the clock says so."""
    ledger = Mortal(folder, clock or Clock())
    launcher: Any = InTurn(ledger, work, on_failure)
    context: Any = SimpleNamespace(config_loader=SimpleNamespace(settled=frozenset()))
    try:
        launching.Ledger = lambda place: ledger  # type: ignore[assignment, misc]
        made = LedgerLauncher(launcher, context, configuration(folder, *words, on_failure=on_failure))
        return list(made.launch(_grid(words), 0))
    finally:
        launching.Ledger = Ledger  # type: ignore[misc]
        while release_sweep:
            with suppress(Exception):
                release_sweep.pop()()


def _grid(words: Sequence[str]) -> list[list[str]]:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(list(words)), None)[0]
