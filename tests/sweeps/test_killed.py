"""A sweep of twelve jobs, killed with -9 again and again, comes to what an undisturbed one does, bit for bit.

Run it with `-m slow -s` to read the story.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.same_numbers import digest, figures_of
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.states import FINISHED
from telltale.sweeps.summary import standing_of
from tests.experiment.commands import ROOT

GRID = ("attack=threshold", "rivals=none", "controls=none", "defense=none,weight_decay", "seed=0,1,2,3,4,5")
QUICK = ("scale=smoke", "logger=none", "trainer=cpu", "evaluation.replicates=100", "sweep=twelve")
LAUNCHERS = {
    "basic": (),
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
}
KILLS = 5


def start(outputs: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "src.run", "-m", *GRID, *QUICK, f"paths.outputs={outputs}", *words],
        **{"cwd": ROOT, "env": os.environ | {"OMP_NUM_THREADS": "1"}, "text": True},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True},
    )


def ended(outputs: Path, *words: str) -> tuple[int, str, float]:
    """Give the command and wait; returns its exit code, what it printed and the seconds it took."""
    began = time.monotonic()
    process = start(outputs, *words)
    said, _ = process.communicate(timeout=3000)
    return process.returncode, said, time.monotonic() - began


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], float]:
    outputs = tmp_path_factory.mktemp("undisturbed")
    code, said, seconds = ended(outputs)
    assert code == 0, said[-3000:]
    print(f"\nundisturbed: 12 jobs in {seconds:.0f} s")
    return found(outputs), seconds


def found(outputs: Path) -> dict[str, Any]:
    """Return what a sweep came to: evidence, metrics and words by number, and the weights of all models."""
    folder = outputs / "sweeps" / "twelve"
    jobs = {job.number: (list(job.words), figures_of(folder / job.folder)) for job in Ledger(folder).read().jobs}
    return {"jobs": jobs, "weights": sorted(digest(f) for f in outputs.glob("store/release/*/weights.safetensors"))}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep_killed_five_times_ends_as_an_undisturbed_one(
    launcher: str, undisturbed: tuple[dict[str, Any], float], tmp_path: Path
) -> None:
    """Catches a job lost, doubled or renumbered by a kill, and a resume that changes a bit."""
    whole, seconds = undisturbed
    folder, draws, words = tmp_path / "sweeps" / "twelve", random.Random(f"kill {launcher}"), LAUNCHERS[launcher]
    process = None
    for kill, after in enumerate(
        sorted(draws.sample(range(9), KILLS))
    ):  # so many jobs have finished, and a moment more
        process = process or start(tmp_path, *words)
        while finished_in(folder) < after and process.poll() is None:
            time.sleep(0.1)
        time.sleep(draws.uniform(0.0, 1.0) * seconds / 12)
        victim, who = process.pid, "the sweep"
        if launcher != "basic" and kill % 2 and (running := [*running_in(folder)]):
            victim, who = draws.choice(running), "a job, the sweep goes on"
        assert process.poll() is None, "it had ended before"
        os.kill(victim, signal.SIGKILL)
        time.sleep(1)
        print(f"{launcher}: kill -9 of {who}: {stands(folder)}")
        if victim == process.pid:
            process.communicate()
            process = None
    if process is not None:
        process.communicate(timeout=3000)
    code, said, _ = ended(tmp_path, *words)
    assert code == 0, said[-3000:]
    jobs = Ledger(folder).read().jobs
    print(f"{launcher}: left alone: {stands(folder)}; begun {sum(job.tries for job in jobs)} times in all")
    assert [job.state for job in jobs] == [FINISHED] * 12
    assert found(tmp_path) == whole
    print(f"{launcher}: evidence, metrics and {len(whole['weights'])} models are those of the undisturbed sweep")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    code, said, again = ended(tmp_path, *words)
    computed = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert code == 0 and found(tmp_path) == whole and computed < 3
    print(f"{launcher}: the same command once more: {computed:.1f} s of one core, {again:.1f} s in all")
    code, said, _ = ended(tmp_path, *words, "seed=0,1,2,3,4,6")
    assert code == 2
    print(f"{launcher}: another grid, exit code {code}: {said.strip()}")


@pytest.mark.slow
def test_jobs_that_outlive_their_command_are_waited_for(tmp_path: Path) -> None:
    """Catches a job begun twice because its command was killed: those of submitit go on."""
    local = ("hydra/launcher=submitit_local", "hydra.launcher.cpus_per_task=1")
    words = ("dataset=digits", "model=linear", "defense=none", "seed=0,1", *local)
    folder, process = tmp_path / "sweeps" / "twelve", start(tmp_path, *words)
    while process.poll() is None and len([*running_in(folder)]) < 2:
        time.sleep(0.1)
    process.kill()
    process.wait()  # its jobs hold what it printed to
    code, said, _ = ended(tmp_path, *words)
    assert code == 0, said[-3000:]
    assert "waiting for 2 jobs that an earlier command began" in said and "sweep twelve: 2 jobs: 2 finished" in said
    assert [job.tries for job in Ledger(folder).read().jobs] == [1, 1]


def running_in(folder: Path) -> Iterator[int]:
    """Yield the processes of the jobs that run."""
    for job in Ledger(folder).standing().jobs if Ledger(folder).exists() else ():
        if job.state == "running" and psutil.pid_exists(int(job.process["pid"])):
            yield int(job.process["pid"])


def finished_in(folder: Path) -> int:
    """Count the jobs that have finished; -1 before the sweep has begun."""
    jobs = Ledger(folder).read().jobs if Ledger(folder).exists() else None
    return -1 if jobs is None else sum(job.state == FINISHED for job in jobs)


def stands(folder: Path) -> str:
    return standing_of(job.state for job in Ledger(folder).standing().jobs) if Ledger(folder).exists() else "not begun"
