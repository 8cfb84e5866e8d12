"""A named sweep, begun, gone on with and refused: between Hydra's sweeper and whichever launcher runs its jobs."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from telltale.errors import InputError, JobsLostError
from telltale.reporting.slurm import told_of_lost_job
from telltale.store.locks import Lock
from telltale.sweeps.grid import Numbering, difference, same_jobs, words_of
from telltale.sweeps.job import folder_of, name_of, refuse_plan
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.states import FAILED, FINISHED, INTERRUPTED, KEEP_GOING, PENDING, RUNNING, STOP, Job, Page
from telltale.sweeps.summary import open_sweep, release_sweep
from telltale.writing import counted

NAME = re.compile(r"\w[\w.-]*")
BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
OF_OTHERS = (".locks", "multirun.yaml")  # in the folder of a sweep that has not begun
TRIES = 2  # of a job whose process is killed, or that leaves no results, under one command
LOOK_S = 1.0  # how often it is looked whether a job that runs elsewhere has ended


def keep_ledgers() -> None:
    """Have Hydra hand out launchers that keep the ledger of a named sweep: it has no hook between sweeper and launcher.

    No launcher is changed: it is told of fewer jobs, and a job finds the ledger by its path.
    """
    if getattr(Plugins.instantiate_launcher, "keeps_ledgers", False):
        return
    original = Plugins.instantiate_launcher

    def instantiate_launcher(
        self: Plugins, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> Launcher:
        launcher = original(self, hydra_context, task_function, config)
        return launcher if name_of(config) is None else LedgerLauncher(launcher, hydra_context, config)

    instantiate_launcher.keeps_ledgers = True  # type: ignore[attr-defined]
    Plugins.instantiate_launcher = instantiate_launcher  # type: ignore[method-assign]


class LedgerLauncher(Launcher):
    """Hands a launcher the jobs of a named sweep that are left, under their own numbers.

    Raises InputError, before anything is started, where the name or the grid cannot be, or another command is at work.
    """

    def __init__(self, launcher: Launcher, context: HydraContext, config: DictConfig) -> None:
        self.launcher, self.name = launcher, str(name_of(config))
        self.on_failure = str(OmegaConf.select(config, "sweep.on_failure"))
        self.ledger, self._begun = Ledger(folder_of(config.hydra)), False
        self._tried: Counter[int] = Counter()
        self._watches: dict[int, Lock] = {}
        self._said: set[str] = set()
        self._failures: list[JobReturn] = []
        try:
            self._require_possible(config)
            self._held = ExitStack()
            self._held.enter_context(self.ledger.alone())
            release_sweep.append(self._release)
            self.jobs = self._jobs(context, config)
        except (InputError, OSError) as error:
            open_sweep.clear()  # its table is another command's
            if isinstance(error, InputError):
                raise
            expected = f"cannot be written ({error.strerror}); give a folder that can"
            raise InputError("hydra.sweep.dir", self.ledger.folder, expected) from error
        self.numbering, self._left = Numbering(self.jobs), len(self.jobs)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Do nothing: the launcher inside has been set up."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run those jobs of a batch that are left, and return the ends of all.

        A failure is handed back with the last batch: Hydra's sweeper stops at the first that it meets.
        """
        if not self._begun:
            self.ledger.begin(self.jobs)
            self._begun = True
        batch = {self.numbering.of(words_of(words)): list(words) for words in job_overrides}
        returned: dict[int, JobReturn] = {}
        lost: Exception | None = None
        while True:
            page = self.ledger.settle(self._watches)
            due = {number: words for number, words in batch.items() if self._is_due(page.jobs[number], page)}
            if due:
                lost = self._round(due, page, returned) or lost
            elif elsewhere := [number for number in batch if page.jobs[number].state == RUNNING]:
                self._say_once(f"waiting for {counted(len(elsewhere), 'job')} that an earlier command began")
                time.sleep(LOOK_S)
            else:
                break
        self._left -= len(batch)
        return self._ends(page, batch, returned, lost)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            print(line, file=sys.stderr, flush=True)
        self._said.add(line)

    def _release(self) -> None:
        self._held.close()
        if not self.ledger.exists():  # refused, and nothing of it is to stay
            shutil.rmtree(self.ledger.folder / ".locks", ignore_errors=True)
            (self.ledger.folder / "summary.csv").unlink(missing_ok=True)

    def _require_possible(self, config: DictConfig) -> None:
        if not NAME.fullmatch(self.name):
            raise InputError("sweep.name", self.name, "a word of letters, digits, `_`, `.` and `-`")
        if self.on_failure not in (KEEP_GOING, STOP):
            raise InputError("sweep.on_failure", self.on_failure, f"one of {KEEP_GOING}, {STOP}")
        refuse_plan(config)
        if (sweeper := config.hydra.sweeper._target_) != BASIC:
            raise InputError("hydra.sweeper", sweeper, "finds its jobs as it goes; only a grid can have sweep.name")
        folder = self.ledger.folder
        others = sorted(file.name for file in folder.glob("*") if file.name not in OF_OTHERS)
        if others and not self.ledger.exists():
            expected = f"{folder} has no ledger and holds {others[0]}; give the sweep another name"
            raise InputError("sweep.name", self.name, expected)

    def _jobs(self, context: HydraContext, config: DictConfig) -> list[tuple[str, ...]]:
        """Return the jobs by their numbers: those of the ledger, where the command still means them."""
        given = [f"{name}={value}" for name, value in (config.hydra.sweeper.get("params") or {}).items()]
        typed = [*given, *OmegaConf.to_container(config.hydra.overrides.task, resolve=False)]  # type: ignore[misc]
        parser = OverridesParser.create(config_loader=context.config_loader)
        (grid,) = BasicSweeper.split_arguments(parser.parse_overrides(typed), None)
        jobs = [words_of(words) for words in grid]
        if not self.ledger.exists():
            return jobs
        page = self.ledger.settle()
        there = [job.words for job in page.jobs]
        if not same_jobs(there, jobs):
            expected = f"its jobs are others: {difference(there, jobs)}; give the sweep another name, or delete "
            raise InputError("sweep.name", self.name, f"{expected}{self.ledger.folder} to begin it anew")
        finished = {job.words for job in page.jobs if job.state == FINISHED}
        finished -= {job.words for job in page.jobs if job.state != FINISHED}  # of equal jobs one may have
        settled = frozenset(tuple(words) for words, job in zip(grid, jobs, strict=True) if job in finished)
        setattr(context.config_loader, "settled", settled)  # noqa: B010 (which is ours, see trust.py)
        return there

    def _is_due(self, job: Job, page: Page) -> bool:
        """Tell whether a job is to be run by this command: what failed earlier is, what fails now is not run again."""
        lost = [other for other in page.jobs if other.state in (FAILED, INTERRUPTED) and other.session == page.session]
        if job.state in (FINISHED, RUNNING) or (lost and self.on_failure == STOP):
            return False
        return (job.state != FAILED or job not in lost) and self._tried[job.number] < TRIES

    def _round(self, due: dict[int, list[str]], page: Page, returned: dict[int, JobReturn]) -> Exception | None:
        """Launch jobs once; returns what the launcher raised where processes of it were killed, raises all else."""
        broken: Exception | None = None
        try:
            returned.update(zip(due, self.launcher.launch(list(due.values()), Numbers(due)), strict=True))
        except Exception as error:
            broken = error
        after = self.ledger.read()
        begun = [number for number in due if after.jobs[number].tries != page.jobs[number].tries]
        if not begun and not after.has_failed():  # or this would go on for ever
            raise broken or JobsLostError(f"sweep {self.name}: the launcher has begun none of its jobs")
        self._tried.update(begun)
        return broken

    def _ends(
        self, page: Page, batch: Iterable[int], returned: dict[int, JobReturn], lost: Exception | None
    ) -> list[JobReturn]:
        ends = []
        for number in batch:
            job, end = page.jobs[number], returned.get(number)
            if job.state in (FAILED, INTERRUPTED) or (job.state == PENDING and self._tried[number]):
                if end is None or end.status != JobStatus.FAILED:  # it ended where nobody could hand anything back
                    told = (lost and told_of_lost_job(lost)) or job.reason
                    error = JobsLostError(f"sweep {self.name}: job {number} {_verb(job)}: {told}")
                    error.__cause__ = lost
                    end = JobReturn(list(job.words), status=JobStatus.FAILED, _return_value=error)
                self._failures.append(end)
            ends.append(JobReturn(list(job.words), status=JobStatus.COMPLETED, _return_value=job.value))
        return self._failures[:1] + ends[1:] if self._left == 0 and self._failures else ends


def _verb(job: Job) -> str:
    return {FAILED: "failed", PENDING: "did not finish"}.get(job.state, "was interrupted")


class Numbers(int):
    """The first job's number, as launchers have it, which add a place to it: here jobs in the middle may be missing."""

    numbers: tuple[int, ...]

    def __new__(cls, numbers: Iterable[int]) -> Numbers:
        """Make the number of the first job, which knows those of all."""
        every = tuple(numbers)
        made = super().__new__(cls, every[0])
        made.numbers = every
        return made

    def __add__(self, place: int) -> int:
        """Return the number of the job in a place."""
        return self.numbers[place]
