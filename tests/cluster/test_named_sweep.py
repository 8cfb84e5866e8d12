"""A named sweep through a real Slurm: its command is killed, a job of it is ended, and it goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from telltale.sweeps.ledger import Ledger
from telltale.sweeps.states import FINISHED, RUNNING
from tests.cluster.slurm import needs_slurm, said, started
from tests.experiment.commands import QUICK, ROOT

WORDS = ("attack=threshold", "dataset=digits", "model=mlp", "objective.epochs=200", *QUICK[:-1])
SLURM = ("hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=20", "hydra.launcher.cpus_per_task=1")


@needs_slurm
@pytest.mark.slurm
@pytest.mark.slow
def test_a_named_sweep_outlives_its_command_and_a_job_that_slurm_ends(tmp_path: Path) -> None:
    """Catches jobs that run twice, a ledger that other processes do not find, and a job that is not tried again."""
    command = [sys.executable, "-m", "src.run", "-m", *WORDS, *SLURM, f"paths.outputs={tmp_path}", "seed=0,1,2"]
    command.append("sweep=night")
    ledger = Ledger(tmp_path / "sweeps" / "night")
    with started() as cluster:
        first = subprocess.Popen(command, env=cluster, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while not (ledger.exists() and any(job.state == RUNNING for job in ledger.read().jobs)):
            assert time.monotonic() < end, "no job began"
            time.sleep(0.2)
        first.kill()
        first.wait()
        running = next(job.number for job in ledger.read().jobs if job.state == RUNNING)
        queue = said(cluster, "squeue", "-h", "-r", "-o", "%i").stdout.split()
        (job,) = [line for line in queue if line.endswith(f"_{running}")]
        assert said(cluster, "scancel", "--signal=KILL", job).returncode == 0
        again = said(cluster, *command, timeout=550)
        assert again.returncode == 0, again.stderr
        assert "sweep night: 3 jobs: 3 finished" in again.stdout
        jobs = ledger.read().jobs
        assert [job.state for job in jobs] == [FINISHED] * 3
        assert [job.tries for job in jobs] == [2 if number == running else 1 for number in range(3)]
        submitted = sorted((ledger.folder / ".submitit").iterdir())
        assert said(cluster, *command).returncode == 0
        assert sorted((ledger.folder / ".submitit").iterdir()) == submitted
