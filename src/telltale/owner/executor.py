"""Where several fits run: here one after the other, or spread over CPUs, GPUs and machines by Ray.

A job puts what it trains into the store, which all machines share, and returns at most a key: weights never travel
between processes.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from telltale.checks import choice, whole_number
from telltale.errors import InputError
from telltale.owner.side_by_side import fill
from telltale.progress import track

CHOICES = ("auto", "stacked", "one_by_one")  # ways of a fleet's step


class Job(Protocol):
    """A fit, or a chunk of a fleet."""

    def __call__(self, shared: Any, /) -> str:
        """Fill the store and return what names the result there; shared: what all jobs read, such as the pool."""
        ...

    def detached(self) -> Self:
        """Return the job without what cannot leave this process, such as live loggers and relative paths."""
        ...


@dataclass(frozen=True)
class Local:
    """Runs fits in this process, one after the other, each on all cores; those that take one only, side by side.

    chunk    models of a fleet trained at once; None = as many as are fastest and fit into memory
    way      of a fleet's step: auto = by the rule of training/fleet/sizing.py | stacked | one_by_one

    What no fleet can train is trained in turn.
    """

    chunk: int | None = None
    way: str = "auto"

    def __post_init__(self) -> None:
        whole_number("executor.chunk", self.chunk, or_null=True)
        choice("executor.way", self.way, CHOICES)

    @property
    def at_once(self) -> int:
        """Say how many jobs run at the same time."""
        return 1

    def run(self, jobs: Sequence[Job], shared: Any) -> list[str]:
        """Run all jobs and return their results in order."""
        fill(jobs, shared)
        return [job(shared) for job in jobs]

    def ahead(self, jobs: Sequence[Job], shared: Any) -> None:
        """Train side by side what will be asked for one after the other, where that pays."""
        fill(jobs, shared)


@dataclass(frozen=True)
class Ray:
    """Runs fits as Ray tasks; every machine of the cluster needs this project and the same store folder.

    address           None = start Ray on this machine, else the cluster to join
    chunk             as in Local; None = also small enough to keep the whole cluster busy
    gpus_per_chunk    0 or 1
    cpus_per_chunk    cores of a task, and the threads it computes with
    way               as in Local

    A task whose worker dies is run again and goes on from its last checkpoint. Raises InputError where Ray is not
    installed, the cluster does not answer, or has no room for a task.
    """

    address: str | None = None
    chunk: int | None = None
    gpus_per_chunk: int = 0
    cpus_per_chunk: int = 1
    way: str = "auto"

    def __post_init__(self) -> None:
        whole_number("executor.chunk", self.chunk, or_null=True)
        choice("executor.way", self.way, CHOICES)
        whole_number("executor.cpus_per_chunk", self.cpus_per_chunk)
        whole_number("executor.gpus_per_chunk", self.gpus_per_chunk, 0, 1, expected="0 or 1")
        _imported()

    @property
    def at_once(self) -> int:
        """Say how many tasks the cluster has room for; joins it."""
        there = self._joined().cluster_resources()
        room = int(there.get("CPU", 0) // self.cpus_per_chunk)
        if room < 1:
            raise InputError("executor.cpus_per_chunk", self.cpus_per_chunk, f"at most {int(there.get('CPU', 0))}")
        if not self.gpus_per_chunk:
            return room
        if there.get("GPU", 0) < 1:
            raise InputError("executor.gpus_per_chunk", self.gpus_per_chunk, "0: the cluster has no GPU")
        return min(room, int(there["GPU"]))

    def run(self, jobs: Sequence[Job], shared: Any) -> list[str]:
        """Run all jobs and return their results in order; the first error stops the others and is raised as it is."""
        if not jobs:
            return []
        ray, room = self._joined(), self.at_once
        needs = {"num_cpus": self.cpus_per_chunk, "num_gpus": self.gpus_per_chunk}
        task, common = ray.remote(_attempt).options(**needs), ray.put(shared)
        running = [task.remote(job.detached(), common) for job in jobs]
        try:
            ended = _as_they_end(ray, running)
            for outcome in track(ended, f"chunks trained by Ray, {min(room, len(jobs))} at once", len(jobs)):
                if isinstance(outcome, BaseException):
                    raise outcome
            return ray.get(running)
        except BaseException as error:
            for reference in running:
                ray.cancel(reference)  # interrupts it; checkpoints of it stay in the store's folder
            if isinstance(error, KeyboardInterrupt) and not error.args:  # pressed here, not in a task
                kept = "while training with Ray; what the store has is kept; the same command goes on from there"
                raise KeyboardInterrupt(kept) from error
            raise

    def ahead(self, jobs: Sequence[Job], shared: Any) -> None:
        """Leave it until it is asked for."""

    def _joined(self) -> Any:
        ray = _imported()
        if not ray.is_initialized():
            options: dict[str, Any] = {} if self.address else {"include_dashboard": False}
            try:
                ray.init(address=self.address or "local", logging_level="error", log_to_driver=False, **options)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise InputError(
                    "executor.address", self.address, f"a Ray cluster that answers, or null ({error})"
                ) from error
        return ray


def _attempt(job: Job, shared: Any) -> Any:
    """Run in a worker; an error travels back as a value, since Ray would wrap it and reads Ctrl-C as its own."""
    try:
        return job(shared)
    except BaseException as error:
        error.add_note("in a Ray task:\n" + traceback.format_exc())
        return error


def _as_they_end(ray: Any, running: Sequence[Any]) -> Iterator[Any]:
    left = list(running)
    while left:
        done, left = ray.wait(left)
        yield from ray.get(done)


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        expected = 'Ray is not installed; pip install "telltale[ray]", or executor=local'
        raise InputError("executor", "ray", expected) from error
    return ray
