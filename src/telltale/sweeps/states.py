"""How the jobs of a sweep stand: what is written in its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

PENDING, RUNNING, FINISHED, FAILED, INTERRUPTED = "pending", "running", "finished", "failed", "interrupted"
STATES = (FINISHED, RUNNING, FAILED, INTERRUPTED, PENDING)
KEEP_GOING, STOP = "keep_going", "stop"  # what a failure means for the jobs that have not begun


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    number    its number, for good
    words     what it was made of, see `grid.words_of`
    state     pending, running, finished, failed or interrupted
    reason    why it failed or was interrupted
    folder    of its results, below the sweep's
    tries     how often it was begun
    session   of the ledger's commands, the one that began it last
    value     its headline metric, for a sweeper
    process   that runs it, see `status.this_process`
    """

    number: int
    words: tuple[str, ...]
    state: str = PENDING
    reason: str = ""
    folder: str = ""
    tries: int = 0
    session: int = 0
    value: float | None = None
    began: str = ""
    ended: str = ""
    process: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """What stands in the ledger.

    session   how many commands have worked on the sweep; the last one is, or was, at work
    process   of that command
    jobs      in the order of their numbers
    """

    session: int
    process: Mapping[str, Any]
    jobs: tuple[Job, ...]

    def with_job(self, job: Job) -> Page:
        """Return the page with a job as it now stands."""
        return replace(self, jobs=tuple(job if other.number == job.number else other for other in self.jobs))

    def has_failed(self) -> bool:
        """Tell whether a job has failed under the last command."""
        return any(job.state == FAILED and job.session == self.session for job in self.jobs)
