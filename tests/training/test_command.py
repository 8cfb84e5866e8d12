"""The command line, interrupted and distributed, as a user meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300  # seconds; each command takes about twenty on an idle machine
SMALL = ["scale=smoke", "controls=none", "logger=none", "objective=attribute_masking"]


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "src.run", *SMALL, *words]
    command += [f"hydra.run.dir={folder}/run", f"paths.store={folder}/store", f"paths.cache={folder}/cache"]
    # a process group of its own, as a shell gives to a job: Ctrl-C reaches the workers too
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_checkpoint(folder: Path, job: subprocess.Popen[str]) -> None:
    deadline = time.time() + PATIENCE
    while not list(folder.glob("store/.partial/*/checkpoints/last.ckpt")):
        assert job.poll() is None and time.time() < deadline, job.communicate()[1]
        time.sleep(0.05)


def running(group: int) -> list[str]:
    found = []
    for process in psutil.process_iter(["status", "cmdline"]):
        with suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.info["cmdline"] or []))
    return found


def weights_in(folder: Path) -> dict[str, np.ndarray]:
    (file,) = folder.glob("store/release/*/weights.safetensors")
    return load_file(file)


@pytest.mark.parametrize(
    ("trainer", "to_group"), [("cpu", False), ("ddp", False), ("ddp", True)], ids=["cpu", "ddp, kill", "ddp, Ctrl-C"]
)
def test_an_interrupted_command_ends_with_130_and_the_next_goes_on(
    trainer: str, to_group: bool, tmp_path: Path
) -> None:
    """Catches workers that outlive the command, a traceback, and a second run that begins at the beginning."""
    words = [f"trainer={trainer}", "objective.epochs=40", f"objective.batch_size={32 if trainer == 'cpu' else 150}"]
    job = start(tmp_path, *words)
    wait_for_checkpoint(tmp_path, job)
    (os.killpg if to_group else os.kill)(job.pid, signal.SIGINT)
    output, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 130, errors
    lines = [line for line in errors.splitlines() if "interrupted" in line]
    assert len(lines) == 1 and "while training target; epoch" in lines[0] and "goes on from there" in lines[0]
    assert errors.splitlines()[-1] == lines[0] and "Traceback" not in errors and output == ""
    deadline = time.time() + 10
    while (left := running(job.pid)) and time.time() < deadline:
        time.sleep(0.1)
    assert left == []

    again = start(tmp_path, *words)
    _, errors = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, errors
    assert "going on from epoch" in errors
    if trainer == "cpu":
        whole = start(tmp_path / "whole", *words)
        assert whole.wait(PATIENCE) == 0
        resumed, uninterrupted = weights_in(tmp_path), weights_in(tmp_path / "whole")
        assert all(np.array_equal(resumed[name], uninterrupted[name]) for name in resumed)


def test_the_command_says_little_under_ddp(tmp_path: Path) -> None:
    """Catches Lightning's lines, once a process."""
    job = start(tmp_path, "trainer=ddp")
    output, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 0, errors
    assert "molextract on gin" in output
    assert "trained target on 2 processes" in errors and len(errors.splitlines()) <= 4
