"""What Slurm says of a sweep's jobs, also on a cluster that keeps no accounts: submitit alone would wait for ever."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

LAUNCHER = "SlurmLauncher"
SECONDS = 30  # between two questions, at most: one `squeue` answers for all jobs
# Neither at work nor ended; submitit knows READY, PENDING, RUNNING, REQUEUED, COMPLETING and PREEMPTED alone.
TO_COME = (
    *("CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT"),
    *("REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"),
)
RUNNING, GONE = "RUNNING", "GONE"  # ended so long ago that Slurm has forgotten it


class SlurmWatch(Callback):
    """Hydra callback: where `sacct` has nothing to tell, a job that was killed is noticed by `squeue`."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Have submitit ask `squeue`, where the sweep goes through Slurm and Slurm keeps no accounts."""
        if str(OmegaConf.select(config, "hydra.launcher._target_")).endswith(LAUNCHER) and not keeps_accounts():
            watch_queue()


def keeps_accounts() -> bool:
    """Say whether `sacct` answers here."""
    try:
        asked = subprocess.run(["sacct", "--noheader", "--allocations", "--starttime=now"], capture_output=True)
    except OSError:  # no Slurm at all, which the launcher says
        return True
    return asked.returncode == 0


def watch_queue() -> None:
    """Have submitit ask `squeue` how its jobs are."""
    from submitit.slurm import slurm

    class Queue(slurm.SlurmInfoWatcher):
        """Asks `squeue`, which knows a job for some minutes after its end."""

        def _make_command(self) -> list[str] | None:
            if not self._registered - self._finished:
                return None
            return ["squeue", "--me", "--noheader", "--array", "--states=all", "--format=%i|%T"]

        def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
            """Read what `squeue` printed: job -> its state."""
            text = string.decode() if isinstance(string, bytes) else string
            return {job: {"State": state} for job, state in states_in(text, self._registered).items()}

    slurm.SlurmJob.watcher = Queue(delay_s=SECONDS)


def states_in(text: str, jobs: set[str]) -> Mapping[str, str]:
    """Return the state of each of `jobs` by lines of `squeue`, `4_1|RUNNING`; one that is not listed is gone.

    What is still to come counts as running.

    >>> states_in("4_0|CANCELLED\\n4_1|SUSPENDED", {"4_0", "4_1", "3"})
    {'3': 'GONE', '4_0': 'CANCELLED', '4_1': 'RUNNING'}
    """
    listed = dict(line.split("|", 1) for line in text.split())
    states = {job: listed.get(job, GONE) for job in sorted(jobs)}
    return {job: RUNNING if state in TO_COME else state for job, state in states.items()}


def told_of_lost_job(error: BaseException) -> str | None:
    """Say in one line that a job of a cluster was ended before it could say why; None where something else happened."""
    if type(error).__name__ != "UncompletedJobError":  # of submitit, which few commands import
        return None
    found = re.search(r"Job (\S+) .*with path (\S+)_result\.pkl\n.*\(state: (\w+)\)", str(error))
    job, file, state = found.groups() if found else ("of the sweep", "", "unknown")
    log = f"; its log is {file}_log.err" if file else ""
    again = "the same command trains only what the store lacks"
    return f"job {job} was ended from outside and left no result (state {state}){log}; {again}"
