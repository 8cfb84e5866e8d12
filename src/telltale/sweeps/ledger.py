"""The ledger of a named sweep: which jobs it has and how each stands, in one file that outlives every process.

Whoever changes it holds its lock, reads it anew, and puts a whole file in its place. A job holds a lock of its own as
long as it runs, and loses it however it ends (store/locks.py): a job that is said to run and holds none was killed.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import Timeout

from telltale.errors import InputError
from telltale.process import is_of_this_machine, is_there, this_process
from telltale.reporting.masking import masked_text
from telltale.reporting.slurm import told_of_lost_job
from telltale.store.digests import to_disk
from telltale.store.locks import Lock
from telltale.store.others import exists, look
from telltale.sweeps.states import FAILED, FINISHED, INTERRUPTED, KEEP_GOING, PENDING, RUNNING, STOP, Job, Page
from telltale.writing import escaped_throughout

KILLED = "its process was killed"
PATIENCE_S = 10.0  # for the lock of a process that is gone: its children follow it in a moment


@dataclass(frozen=True)
class Ledger:
    """`ledger.json` in the folder of a sweep, and the locks beside it."""

    folder: Path

    @property
    def file(self) -> Path:
        """Return where it lies."""
        return self.folder / "ledger.json"

    def exists(self) -> bool:
        """Tell whether the sweep has begun."""
        return exists(self.file)

    def read(self) -> Page:
        """Return what it says. Raises InputError where it cannot be read."""
        try:
            document = json.loads(look(lambda: self.file.read_text(encoding="utf-8")))
            jobs = tuple(Job(**(job | {"words": tuple(job["words"])})) for job in document["jobs"])
            return Page(int(document["session"]), dict(document["process"]), jobs)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            expected = f"its ledger cannot be read ({error}); delete the folder to begin the sweep anew"
            raise InputError("sweep.name", self.file, expected) from error

    def change(self, changed: Callable[[Page], Page], made_of: Page | None = None) -> Page:
        """Put `changed` of what it says in its place, as the only writer; made_of: what it says where it is not there.

        Who reads meets the old one or the new one, whole, also after a kill at any instant.
        """
        lock = Lock(self._locks() / "ledger.lock")
        lock.acquire()
        with _released(lock):
            page = changed(made_of if made_of is not None and not self.exists() else self.read())
            written = self.file.with_name(".ledger.json")  # one name: there is one writer
            with written.open("w", encoding="utf-8") as stream:
                json.dump(escaped_throughout(asdict(page)), stream, indent=1, ensure_ascii=False)
                stream.write("\n")
                stream.flush()
                os.fsync(stream.fileno())
            written.replace(self.file)
            to_disk(self.folder)
        return page

    def begin(self, jobs: Sequence[Sequence[str]]) -> Page:
        """Open the ledger for one more command, which `alone` holds it for; jobs: words of each, for a new one."""
        new = Page(0, {}, tuple(Job(number, tuple(words)) for number, words in enumerate(jobs)))
        self.change(lambda page: replace(page, session=page.session + 1, process=this_process()), new)
        return self.settle()

    def settle(self, watches: dict[int, Lock] | None = None) -> Page:
        """Write down what became of jobs whose processes are gone, and of results that are; return what is true now.

        watches: locks of jobs, kept by who asks again and again: that another machine is gone shows in time only.
        """
        page = self.read()
        for job in page.jobs:
            if job.state == FINISHED and not self._has_results(job):
                lost = replace(job, state=PENDING, reason="it left no results, or they were deleted", value=None)
                page = self.change(lambda page, lost=lost: page.with_job(lost))  # type: ignore[misc]
            elif job.state == RUNNING:
                lock = (watches if watches is not None else {}).setdefault(job.number, self._lock_of(job.number))
                with self._claim(job.number, lock=lock) as is_free:
                    if is_free:
                        page = self.change(self._without_killed(job.number))
        return page

    def standing(self) -> Page:
        """Return what is true now, and change nothing."""
        page = self.read()
        for job in page.jobs:
            if job.state == RUNNING and self._has_lost_its_lock(job):
                page = self._without_killed(job.number)(page)
        return page

    def _has_lost_its_lock(self, job: Job) -> bool:
        try:
            with self._claim(job.number) as is_free:
                return is_free
        except OSError:  # somebody else's folder, which can only be read
            return _is_gone(job.process)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the sweep against other commands. Raises InputError, which says who has it, where one is at work."""
        lock = Lock(self._locks() / "sweep.lock")
        if not _acquired(lock, lambda: not _is_gone(lock.holder())):
            raise InputError("sweep.name", self.folder.name, f"another command is at work on it{_told_of(lock)}")
        with _released(lock):
            yield

    @contextmanager
    def job(
        self, number: int, words: Sequence[str], folder: Path, on_failure: str = KEEP_GOING
    ) -> Iterator[Run | None]:
        """Hold a job and write down how it begins and ends; None where it is not to be run.

        That is where it has finished, runs elsewhere, or one has failed and on_failure="stop". Raises InputError where
        the job of this number is another.
        """
        with self._claim(number, patient=True) as is_ours:
            if not is_ours or not self._may_begin(number, tuple(words), on_failure):
                yield None
                return
            run = Run()
            self._note(number, lambda page, job: replace(job, **self._beginning(page, job, folder)))
            try:
                yield run
            except BaseException as error:  # a cluster's launcher raises SystemExit
                lost = told_of_lost_job(error) is not None  # a cluster's time was up
                stopped = lost or isinstance(error, KeyboardInterrupt | SystemExit)
                told = "interrupted" if stopped and not str(error) else f"{type(error).__name__}: {error}"
                with suppress(OSError):  # a full disk; what went wrong before is told
                    self._end(number, INTERRUPTED if stopped else FAILED, " ".join(masked_text(told).split()))
                raise
            self._end(number, FINISHED, value=run.value if math.isfinite(run.value or 0.0) else None)

    def _may_begin(self, number: int, words: tuple[str, ...], on_failure: str) -> bool:
        page = self.read()
        job = next((job for job in page.jobs if job.number == number), None)
        if job is None or job.words != words:
            was = "no job has this number" if job is None else f"it is the job of {' '.join(job.words)}"
            raise InputError("hydra.job.num", number, f"{was} in {self.file}; the launcher numbers jobs in its own way")
        return job.state != FINISHED and not (on_failure == STOP and page.has_failed())

    def _beginning(self, page: Page, job: Job, folder: Path) -> dict[str, Any]:
        place = os.path.relpath(folder.resolve(), self.folder.resolve())
        return {
            **{"state": RUNNING, "reason": "", "value": None, "folder": place, "process": this_process()},
            **{"tries": job.tries + 1, "session": page.session, "began": _now(), "ended": ""},
        }

    def _end(self, number: int, state: str, reason: str = "", value: float | None = None) -> None:
        self._note(number, lambda _, job: replace(job, state=state, reason=reason, value=value, ended=_now()))

    def _note(self, number: int, changed: Callable[[Page, Job], Job]) -> Page:
        return self.change(lambda page: page.with_job(changed(page, page.jobs[number])))

    def _without_killed(self, number: int) -> Callable[[Page], Page]:
        """Return how a page tells of a job that says it runs, and whose lock is free: it may have ended just now."""

        def changed(page: Page) -> Page:
            job = page.jobs[number]
            if job.state != RUNNING:
                return page
            if self._has_results(job) and self._run(job).get("process") == job.process:
                return page.with_job(replace(job, state=FINISHED, ended=_now()))  # killed between two files
            return page.with_job(replace(job, state=INTERRUPTED, reason=KILLED, ended=_now()))

        return changed

    def _has_results(self, job: Job) -> bool:
        return self._run(job).get("status") == FINISHED and exists(self.folder / job.folder / "metrics.json")

    def _run(self, job: Job) -> dict[str, Any]:
        try:
            found = json.loads(look(lambda: (self.folder / job.folder / "run.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @contextmanager
    def _claim(self, number: int, patient: bool = False, lock: Lock | None = None) -> Iterator[bool]:
        """Take the lock of a job, and tell whether it was free; patient: wait for that of a process that is gone."""
        lock = lock or self._lock_of(number)
        if not _acquired(lock, lambda: not patient or self._runs(number)):
            yield False
            return
        with _released(lock):
            yield True

    def _runs(self, number: int) -> bool:
        """Tell whether a job is run by a process that is there, as far as can be seen from here."""
        job = self.read().jobs[number]
        return job.state == RUNNING and not _is_gone(job.process)

    def _lock_of(self, number: int) -> Lock:
        return Lock(self._locks() / f"job-{number}.lock")

    def _locks(self) -> Path:
        folder = self.folder / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@dataclass
class Run:
    """What a job that runs hands to the ledger; value: its headline metric."""

    value: float | None = None


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def _acquired(lock: Lock, gives_up: Callable[[], bool]) -> bool:
    """Try to take a lock, for a while where its holder may be gone and only its children are left."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            lock.acquire(wait=False)
            return True
        except Timeout:
            if time.monotonic() > until or gives_up():
                return False
            time.sleep(0.05)


@contextmanager
def _released(lock: Lock) -> Iterator[None]:
    """Give a lock back in the end."""
    try:
        yield
    finally:
        lock.release()


def _told_of(lock: Lock) -> str:
    """Say which process holds a lock, and what to do where nobody can see whether it is there."""
    holder = lock.holder()
    who = f": process {holder['pid']} on {str(holder.get('host')).split()[0]}" if "pid" in holder else ""
    if is_of_this_machine(holder) or not exists(lock.claim):
        return who
    return f"{who}; if {'that machine is' if who else 'it is long'} gone, delete {lock.claim}"


def _is_gone(process: Mapping[str, Any]) -> bool:
    """Tell whether a process was one of this machine and is there no more."""
    return is_of_this_machine(process) and not is_there(process)
