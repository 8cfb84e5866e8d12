"""The tasks of one Slurm step train a model together: the first runs the experiment, the others take part in its fits.

`srun -n2 python -m src.run trainer=ddp`: each task starts the same command. Task 0 plays the experiment, and alone
writes run folder and store; the others wait until it fits a model, get that from it, take their share of each batch,
and end when it ends. Nothing slow is imported here: every command asks whether it is such a task.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from telltale.errors import InputError

FIRST_WAIT, FAREWELL = timedelta(minutes=30), timedelta(seconds=20)  # for task 0 to be there; for others to hear it end
PATIENCE = timedelta(days=30)  # between two fits
END, FIT = "end", "fit"
meeting: list[Any] = []  # the store at which this process, a task of several, meets the others
_fits: list[int] = []  # those it has taken part in
_meetings = itertools.count()  # one a job of a sweep, in the same order in every task


def task_count() -> int:
    """Count the tasks of the Slurm step that this process is one of; 1 where there is none."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))


def own_task() -> int:
    """Return the number of this task, from 0."""
    return int(os.environ.get("SLURM_PROCID", "0"))


def nodes() -> int:
    """Count the machines that the tasks are on."""
    return int(os.environ.get("SLURM_STEP_NUM_NODES", "1"))


def train_together(trainer: Any) -> bool:
    """Say whether this step's tasks are the processes of one fit; raises InputError where their number is another.

    trainer: its options, as the configuration has them.
    """
    options = trainer if isinstance(trainer, Mapping) else {}
    strategy, devices = options.get("strategy"), options.get("devices")
    tasks = task_count()
    if tasks == 1 or strategy != "ddp" or devices == 1:
        return False  # tasks that know nothing of each other, e.g. a seed each
    if devices != tasks or tasks % nodes():
        expected = (
            f"{tasks}, the tasks of this Slurm step, as many on each machine; or one task, which starts processes"
        )
        raise InputError("trainer.devices", devices, expected)
    return True


@contextmanager
def leading() -> Iterator[None]:
    """Open the meeting of the tasks, in task 0, and tell the others when it is over."""
    _meet()
    try:
        yield
    finally:
        store = meeting.pop()
        store.set(f"{len(_fits)}", END)
        _fits.clear()
        with suppress(RuntimeError):  # one that was killed says nothing any more
            store.wait([f"{END} {task}" for task in range(1, task_count())], FAREWELL)


def follow(fit: Callable[..., None]) -> None:
    """Take part in the fits of task 0, each a call of `fit`, until it ends.

    Raises InputError where it is gone without a word.
    """
    try:
        store = _meet()
        for number in itertools.count():
            store.wait([f"{number}"], PATIENCE)
            if store.get(f"{number}").decode() == END:
                store.set(f"{END} {own_task()}", "1")
                return
            with _group(number):
                fit(*_sent(None))
    except (RuntimeError, ConnectionError) as error:
        expected = f"a first task that is there; this one, number {own_task()}, ends ({type(error).__name__})"
        raise InputError("srun", f"{task_count()} tasks", expected) from error
    finally:
        meeting.clear()


@contextmanager
def together(arguments: tuple[Any, ...]) -> Iterator[None]:
    """Have the other tasks call `fit` with these arguments, in task 0 of several; everywhere else do nothing."""
    if not meeting or own_task():
        yield
        return
    number = len(_fits)
    _fits.append(number)
    meeting[0].set(f"{number}", FIT)
    with _group(number):
        _sent(arguments)
        yield


def _meet() -> Any:
    """Open the place where the tasks meet, or come there."""
    import torch
    from torch.distributed import PrefixStore, TCPStore

    if "OMP_NUM_THREADS" not in os.environ:  # tasks on one machine share its cores out
        from telltale.data.workers import cores

        torch.set_num_threads(max(1, cores() * nodes() // task_count()))
    job, step = int(os.environ["SLURM_JOB_ID"]), int(os.environ.get("SLURM_STEP_ID", "0"))
    port = int(os.environ.get("MASTER_PORT", 15_000 + (10 * job + step) % 10_000))
    first = own_task() == 0
    try:
        store = TCPStore(_address(), port, None, first, FIRST_WAIT, wait_for_workers=False)
    except RuntimeError as error:
        if not first:
            raise
        raise InputError("MASTER_PORT", port, "a free port of the step's first machine") from error
    meeting.append(PrefixStore(f"{job}.{step}.{next(_meetings)}", store))  # what others keep at this port is theirs
    return meeting[0]


def _address() -> str:
    """Return where task 0 is: on the first machine of the step, or where `srun` was called if that has no address."""
    from pytorch_lightning.plugins.environments import SLURMEnvironment

    named = os.environ.get("MASTER_ADDR") or SLURMEnvironment.resolve_root_node_address(os.environ["SLURM_NODELIST"])
    try:
        return socket.gethostbyname(named)
    except OSError:
        return os.environ.get("SLURM_LAUNCH_NODE_IPADDR", "127.0.0.1")


@contextmanager
def _group(number: int) -> Iterator[None]:
    """Be one process group for a fit, and none before and after: what else a task computes is its own."""
    import torch
    import torch.distributed as dist

    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("SLURM_LOCALID", "0")) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    of_group = dist.PrefixStore(f"group {number}", meeting[0])
    dist.init_process_group(backend, store=of_group, rank=own_task(), world_size=task_count())
    try:
        yield
    finally:
        dist.destroy_process_group()


def _sent(arguments: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """Send the arguments of a fit from task 0 to all."""
    import torch.distributed as dist

    box = [arguments]
    dist.broadcast_object_list(box, src=0)
    assert box[0] is not None
    return box[0]


def processes(strategy: str, devices: int, in_phases: bool = False) -> dict[str, Any]:
    """Say to Lightning which processes there are: one, ones that it starts, or the tasks of a Slurm step.

    in_phases: some weights have no gradient in some epochs. Lightning would look for Slurm by itself, and refuse a step
    of many tasks of which each fits a model of its own.
    """
    import torch.distributed as dist
    from pytorch_lightning.plugins.environments import LightningEnvironment

    if strategy != "ddp" or devices == 1:
        return {"devices": devices, "strategy": "auto", "plugins": [LightningEnvironment()]}
    some = "_find_unused_parameters_true" if in_phases else ""
    if not dist.is_initialized():
        return {"devices": devices, "strategy": f"ddp_spawn{some}", "plugins": [LightningEnvironment()]}
    here = {"devices": devices // nodes(), "num_nodes": nodes()}
    return {**here, "strategy": f"ddp{some}", "plugins": [_environment()]}


def _environment() -> Any:
    """Say to Lightning which process this is."""
    from pytorch_lightning.plugins.environments import LightningEnvironment

    class Tasks(LightningEnvironment):
        """The tasks of a Slurm step, which are there already."""

        @property
        def creates_processes_externally(self) -> bool:
            return True

        def world_size(self) -> int:
            return task_count()

        def set_world_size(self, size: int) -> None:
            pass

        def global_rank(self) -> int:
            return own_task()

        def set_global_rank(self, rank: int) -> None:
            pass

        def local_rank(self) -> int:
            return int(os.environ.get("SLURM_LOCALID", "0"))

        def node_rank(self) -> int:
            return int(os.environ.get("SLURM_NODEID", "0"))

        def teardown(self) -> None:
            pass

    return Tasks()
