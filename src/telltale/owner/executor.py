"""Where several fits run: here one after the other or on a GPU each, or spread over many machines by Ray.

A job puts what it trains into the store, which all machines share, and returns at most a key: weights never travel
between processes.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from telltale.checks import MANY, choice, whole_number
from telltale.errors import InputError
from telltale.owner.devices import chosen, spread
from telltale.owner.pool import stopped_whole
from telltale.owner.side_by_side import fill
from telltale.progress import track

log = logging.getLogger("telltale")
CHOICES = ("auto", "stacked", "one_by_one")  # ways of a fleet's step
TIMES = 4  # that a Ray task is begun, where worker after worker dies under it


class Job(Protocol):
    """A fit, or a chunk of a fleet; device: the kind of which it wants one for itself, "cpu" or "cuda"."""

    @property
    def device(self) -> str: ...  # noqa: D102

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
    devices  GPUs that chunks are spread over, a process each: auto = all that are visible, or how many

    What no fleet can train is trained in turn.
    """

    chunk: int | None = None
    way: str = "auto"
    devices: int | str = "auto"

    def __post_init__(self) -> None:
        whole_number("executor.chunk", self.chunk, or_null=True)
        choice("executor.way", self.way, CHOICES)
        if self.devices != "auto":
            whole_number("executor.devices", self.devices, expected="auto or a whole number, at least 1")

    def at_once(self, device: str) -> int:
        """Say how many jobs that want such a device, "cpu" or "cuda", run at the same time."""
        return len(chosen(device, self.devices))

    def run(self, jobs: Sequence[Job], shared: Any) -> list[str]:
        """Run all jobs and return their results in order."""
        fill(jobs, shared)
        devices = chosen(jobs[0].device, self.devices) if len(jobs) > 1 else []
        if len(devices) > 1:
            spread(jobs, shared, devices)
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

    A task whose worker or machine dies is told and begun again, on another one, from its last checkpoint. Raises
    InputError where Ray is not installed, the cluster does not answer, or has no room for a task.
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

    def at_once(self, device: str) -> int:
        """Say how many tasks the cluster has room for, machine by machine, whatever device they want; joins it."""
        machines = [node["Resources"] for node in self._joined().nodes() if node["Alive"]]
        rooms = [
            min(
                int(there.get("CPU", 0) // self.cpus_per_chunk),
                int(there.get("GPU", 0)) if self.gpus_per_chunk else MANY,
            )
            for there in machines
        ]
        if sum(rooms):
            return sum(rooms)
        most = max((int(there.get("CPU", 0)) for there in machines), default=0)
        if self.cpus_per_chunk > most:
            raise InputError(
                "executor.cpus_per_chunk", self.cpus_per_chunk, f"at most {most}, as the largest machine has"
            )
        raise InputError(
            "executor.gpus_per_chunk", self.gpus_per_chunk, "0: the cluster has no GPU where there is a core"
        )

    def run(self, jobs: Sequence[Job], shared: Any) -> list[str]:
        """Run all jobs and return their results in order; the first error stops the others and is raised as it is."""
        if not jobs:
            return []
        ray, room = self._joined(), self.at_once(jobs[0].device)
        needs = {"num_cpus": self.cpus_per_chunk, "num_gpus": self.gpus_per_chunk, "max_retries": 0}
        task, common = ray.remote(_attempt).options(**needs), ray.put(shared)
        running = _Running(ray, [job.detached() for job in jobs], lambda job: task.remote(job, common))
        with stopped_whole("with Ray", running.cancel):  # checkpoints of them stay in the store's folder
            at_once = f"chunks trained by Ray, {min(room, len(jobs))} at once"
            results = dict(track(running, at_once, len(jobs)))
            return [results[place] for place in range(len(jobs))]

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


class _Running:
    """Tasks of a cluster as they end: (place of the job, its result); one whose worker died is begun again."""

    def __init__(self, ray: Any, jobs: Sequence[Job], begin: Callable[[Job], Any]) -> None:
        self.ray, self.jobs, self.begin = ray, jobs, begin
        self.times = [1] * len(jobs)
        names = ("WorkerCrashedError", "NodeDiedError", "LocalRayletDiedError", "OutOfMemoryError", "ObjectLostError")
        self._deaths = tuple(getattr(ray.exceptions, name) for name in names)
        self.places = {begin(job): place for place, job in enumerate(jobs)}

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while self.places:
            (reference,), _ = self.ray.wait(list(self.places))
            place = self.places.pop(reference)
            try:
                outcome = self.ray.get(reference)
            except self._deaths as died:
                self._again(place, died)
                continue
            if isinstance(outcome, BaseException):
                raise outcome
            yield place, outcome

    def _again(self, place: int, died: Exception) -> None:
        why = f"{type(died).__name__} ({' '.join(str(died).split())[:200]})"
        if self.times[place] == TIMES:
            expected = f"a cluster whose workers live: the same task died {TIMES} times, last by {why}"
            raise InputError("executor", "ray", expected) from died
        log.warning(f"Ray: the worker of chunk {place + 1} of {len(self.jobs)} died: {why}; it is begun again")
        self.times[place] += 1
        self.places[self.begin(self.jobs[place])] = place

    def cancel(self) -> None:
        """Interrupt what still runs."""
        for reference in self.places:
            self.ray.cancel(reference)


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        expected = 'Ray is not installed; pip install "telltale[ray]", or executor=local'
        raise InputError("executor", "ray", expected) from error
    return ray
