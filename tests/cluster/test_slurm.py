"""A sweep through a real Slurm: an array of jobs, one store, one table; and jobs that Slurm ends."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file
from submitit.core.utils import UncompletedJobError
from submitit.slurm import slurm

from telltale.errors import InputError
from telltale.reporting.slurm import SlurmWatch, told_of_lost_job, watch_queue
from telltale.training import tasks
from tests.cluster.slurm import SCRIPT, needs_slurm, said, started
from tests.experiment.commands import QUICK, command, read

WORDS = ("attack=threshold", "dataset=digits", "model=linear", *QUICK[:-1])
SLURM = ("hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=5", "hydra.launcher.cpus_per_task=1")


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    with started() as environment:
        yield environment


def sweep(folder: Path, *words: str) -> list[str]:
    places = (f"paths.outputs={folder}", f"hydra.sweep.dir={folder}/sweep")
    return [sys.executable, "-m", "src.run", "-m", *WORDS, *SLURM, *places, *words]


@needs_slurm
@pytest.mark.slurm
def test_a_sweep_is_an_array_of_jobs_that_share_a_store(cluster: dict[str, str], tmp_path: Path) -> None:
    """Catches jobs that do not find the checkout, a model trained by each of two jobs, and lines that scare."""
    ended = said(cluster, *sweep(tmp_path, "seed=0,0"))
    assert ended.returncode == 0, ended.stderr
    assert "sweep of 2 jobs" in ended.stdout and "sacct" not in ended.stderr + ended.stdout
    runs = [read(tmp_path / "sweep" / str(job) / "run.json") for job in range(2)]
    assert [run["status"] for run in runs] == ["finished"] * 2
    assert runs[0]["entries"] == runs[1]["entries"]  # what it waited for is needed, too
    logs = [file.read_text() for file in sorted((tmp_path / "sweep").glob(".submitit/*_*/*_log.out"))]
    assert len(logs) == 2 and all("Job completed successfully" in log for log in logs)
    told = [file.read_text() for file in (tmp_path / "sweep").glob(".submitit/*_*/*_log.err")]
    assert sum(lines.count("trained 8 models, target 0") for lines in told) == 1, told
    assert list((tmp_path / "store" / ".partial").iterdir()) == []


@needs_slurm
@pytest.mark.slurm
@pytest.mark.slow
def test_a_job_that_slurm_ends_is_told_and_goes_on_when_asked_again(cluster: dict[str, str], tmp_path: Path) -> None:
    """Catches a launcher that waits for ever, a traceback, and weights that depend on the kill."""
    words = sweep(tmp_path, "seed=0,1", "objective.epochs=1000", "model=mlp")
    launched = subprocess.Popen(words, env=cluster, cwd=SCRIPT.parents[1], stderr=subprocess.PIPE, text=True)
    run = tmp_path / "sweep" / "1" / "run.json"
    wait_until(lambda: run.exists() and any((tmp_path / "store" / ".partial").glob("*/checkpoints/*")))
    (job,) = [line for line in said(cluster, "squeue", "-h", "-r", "-o", "%i").stdout.split() if line.endswith("_1")]
    assert said(cluster, "scancel", job).returncode == 0
    _, told = launched.communicate(timeout=300)
    assert launched.returncode == 1 and "Traceback" not in told
    assert f"error: job {job} was ended from outside and left no result (state CANCELLED); its log is" in told
    assert said(cluster, *words).returncode == 0
    assert read(run)["status"] == "finished"


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        *((state, False) for state in ("CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT")),
        *((state, False) for state in ("REQUEUE_HOLD", "REQUEUED", "PENDING", "RUNNING", "COMPLETING", "PREEMPTED")),
        *((state, True) for state in ("COMPLETED", "CANCELLED", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT")),
    ],
)
def test_only_what_will_not_go_on_has_ended(state: str, ended: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a job told as lost while Slurm holds it back, or is about to begin it."""
    monkeypatch.setattr(slurm.SlurmJob, "watcher", slurm.SlurmJob.watcher)
    watch_queue()
    watcher = slurm.SlurmJob.watcher
    monkeypatch.setattr(watcher, "_make_command", lambda: ["echo", f"7_0|{state}"])
    watcher.register_job("7_0")
    assert watcher.is_done("7_0", mode="force") == ended


def wait_until(there: object, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not there():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)


@needs_slurm
@pytest.mark.slurm
def test_two_tasks_on_two_nodes_train_the_model_of_one_process(cluster: dict[str, str], tmp_path: Path) -> None:
    """Catches two tasks that write one folder, a task that waits for ever, and half of the batches left out."""
    words = ("attack=weight_encoding", "controls=none", *QUICK[:-1], "objective.optimizer=sgd", "objective.epochs=3")
    two, one = (f"paths.outputs={tmp_path}/{name}" for name in ("two", "one"))
    step = ("srun", "-N2", "-n2", sys.executable, "-m", "src.run")
    ended = said(cluster, *step, *words, two, "trainer=ddp", f"hydra.run.dir={tmp_path}/two/run")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("trained target on 2 processes") == 1 and ended.stdout.count("report  ") == 1
    assert command(*words, one, "trainer=cpu", f"hydra.run.dir={tmp_path}/one/run").code == 0
    runs = [read(tmp_path / name / "run" / "run.json") for name in ("two", "one")]
    assert runs[0]["status"] == "finished" and runs[0]["entries"]["release"] == runs[1]["entries"]["release"]
    assert len(list((tmp_path / "two").rglob("run.json"))) == 1
    assert list((tmp_path / "two" / "store" / ".partial").iterdir()) == []
    for key in runs[0]["entries"]["release"].split():
        entry = f"store/release/{key}/weights.safetensors"
        together, alone = (load_file(tmp_path / name / entry) for name in ("two", "one"))
        assert all(torch.allclose(together[name], alone[name], rtol=1e-3, atol=1e-5) for name in alone)
    refused = said(cluster, *step, *words, two, "trainer=ddp", "pools.members=70000")
    assert refused.returncode == 2 and refused.stderr.count("error: ") == 1 + refused.stderr.count("srun: error: ")


def test_tasks_that_are_no_processes_of_one_fit_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches tasks of a seed each that wait for the first, and a fit that waits for processes nobody started."""
    assert not tasks.train_together(
        {"strategy": "ddp", "devices": 2}
    )  # no step at all: the command starts its processes
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setenv("SLURM_STEP_NUM_NODES", "2")
    assert not tasks.train_together({"strategy": "auto", "devices": 1}) and tasks.train_together(
        {"strategy": "ddp", "devices": 4}
    )
    with pytest.raises(InputError, match=r"trainer.devices=2: 4, the tasks of this Slurm step"):
        tasks.train_together({"strategy": "ddp", "devices": 2})
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "3")
    with pytest.raises(InputError, match="as many on each machine"):
        tasks.train_together({"strategy": "ddp", "devices": 3})


@needs_slurm
@pytest.mark.slurm
def test_the_script_starts_one_cluster_however_often_it_is_called(cluster: dict[str, str]) -> None:
    """Catches a second controller, and a script that ends a cluster which runs."""
    before = (Path(cluster["SLURM_CONF"]).parent / "slurmctld.pid").read_text()
    again = said(cluster, SCRIPT)
    assert again.returncode == 0 and again.stdout == f"export SLURM_CONF={shlex.quote(cluster['SLURM_CONF'])}\n"
    assert (Path(cluster["SLURM_CONF"]).parent / "slurmctld.pid").read_text() == before
    assert said(cluster, SCRIPT, "fly").stderr == "start_local_slurm: no such word: fly; start or stop\n"


def test_without_the_programs_the_script_names_the_packages(tmp_path: Path) -> None:
    """Catches a shell's own error in the place of what to install."""
    (tmp_path / "bash").symlink_to("/bin/bash")
    for name in ("id", "nproc", "hostname"):
        (tmp_path / name).write_text("#!/bin/bash\necho 1\n")
        (tmp_path / name).chmod(0o755)
    script = SCRIPT.read_text().replace(":/usr/sbin:/sbin", "")
    (tmp_path / "script.sh").write_text(script)
    told = subprocess.run(
        ["/bin/bash", tmp_path / "script.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert told.returncode == 1 and "munged is not installed; on Debian: apt-get install" in told.stderr


def test_a_killed_job_is_noticed_where_slurm_keeps_no_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a sweep that waits for ever: submitit takes a job of which `sacct` says nothing for one that runs."""
    for name, lines in (("sacct", "exit 1"), ("squeue", "echo '7_0|CANCELLED'; echo '7_1|RUNNING'; echo '9|PENDING'")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(slurm.SlurmJob, "watcher", slurm.SlurmJob.watcher)
    launcher = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"
    SlurmWatch().on_multirun_start(OmegaConf.create({"hydra": {"launcher": {"_target_": launcher}}}))
    jobs = {number: slurm.SlurmJob(tmp_path, number) for number in ("7_0", "7_1", "8")}
    assert {number: job.done() for number, job in jobs.items()} == {"7_0": True, "7_1": False, "8": True}


def test_only_a_lost_job_is_told_as_one() -> None:
    """Catches a job's own error hidden behind what the cluster says."""
    lost = UncompletedJobError(
        "Job 8_1 (task: 0) with path /s/.submitit/8_1/8_1_0_result.pkl\nhas not produced any output (state: CANCELLED)"
    )
    assert told_of_lost_job(SimpleNamespace()) is None  # type: ignore[arg-type]
    assert str(told_of_lost_job(lost)).startswith(
        "job 8_1 was ended from outside and left no result (state CANCELLED); its log is /s/.submitit/8_1/8_1_0_log.err"
    )
