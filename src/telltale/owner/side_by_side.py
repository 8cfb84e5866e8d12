"""Fits that compute on one thread each, side by side in processes of this machine: they fill the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, Self

import torch

from telltale.data.workers import cores
from telltale.owner.pool import in_processes

WORTH = 100_000  # records times epochs, with their models' sizes: some 10 s of training, beside 4 s until workers begin


class Quiet(Protocol):
    """A fit that computes on one thread; told: tells who listens of what another process has trained.

    passes: records times epochs that it trains on; 0 = it wants the machine for itself
    """

    @property
    def passes(self) -> int: ...  # noqa: D102
    def there(self, shared: Any, /) -> bool: ...  # noqa: D102
    def told(self, shared: Any, /) -> None: ...  # noqa: D102
    def detached(self) -> Self: ...  # noqa: D102
    def __call__(self, shared: Any, /) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class On:
    """A job on the records at a place of what is shared, beside jobs on others."""

    job: Any
    place: int

    @property
    def device(self) -> str:
        """Say of which kind of device it wants one for itself."""
        return str(self.job.device)

    @property
    def passes(self) -> int:
        """Say how much there is to do."""
        return int(self.job.passes)

    def there(self, shared: Sequence[Any]) -> bool:
        """Say whether the store has what it makes."""
        return bool(self.job.there(shared[self.place]))

    def told(self, shared: Sequence[Any]) -> None:
        """Tell who listens of what another process has trained."""
        self.job.told(shared[self.place])

    def detached(self) -> Self:
        """Return the job without what cannot leave this process."""
        return replace(self, job=self.job.detached())

    def __call__(self, shared: Sequence[Any]) -> str:
        """Fill the store."""
        return str(self.job(shared[self.place]))


def worth_workers(jobs: Sequence[Any], shared: Any) -> list[Any]:
    """Return the jobs that the store lacks and that workers are to train, a process a core; none where that is no gain.

    A rule decides, never a clock: `WORTH`.
    """
    quiet: list[Quiet] = [job for job in jobs if getattr(job, "passes", 0)]
    if cores() < 2 or len(quiet) < 2 or sum(job.passes for job in quiet) < WORTH:
        return []
    lacking = [job for job in quiet if not job.there(shared)]
    return lacking if len(lacking) > 1 and sum(job.passes for job in lacking) >= WORTH else []


def fill(jobs: Sequence[Any], shared: Any) -> None:
    """Have workers train what the store lacks, where that is a gain; else do nothing.

    The first error stops the others and is raised as it is.
    """
    lacking = worth_workers(jobs, shared)
    if not lacking:
        return
    workers = min(cores(), len(lacking))
    options = {"title": f"models trained, {workers} at once", "how": "side by side"}
    one_thread = partial(torch.set_num_threads, 1)
    # where a process is killed, what is left is trained in this one
    in_processes(lacking, shared, workers, one_thread, told=lambda job: job.told(shared), **options)
