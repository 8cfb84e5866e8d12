"""Give a real Slurm on this machine, of two nodes, from the script that users start it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.experiment.commands import ROOT

SCRIPT = ROOT / "scripts" / "start_local_slurm.sh"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
MISSING = [
    name for name in PROGRAMS if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
]
needs_slurm = pytest.mark.skipif(
    bool(MISSING), reason=f"no {', '.join(MISSING)} here: apt-get install --no-install-recommends slurm-wlm munge"
)


@contextmanager
def started() -> Iterator[dict[str, str]]:
    """Start a cluster of its own and yield the environment that points at it; it ends with the test."""
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:  # a short name: sockets allow about 100 characters
        environment = os.environ | {
            "TELLTALE_SLURM": f"{folder}/s",
            "TELLTALE_SLURM_PORT": str(_free_ports(3)),
            "CORES": "2",
        }
        try:
            told = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, timeout=60)
            assert told.returncode == 0, told.stderr
            yield environment | {"SLURM_CONF": told.stdout.strip().removeprefix("export SLURM_CONF=")}
        finally:
            subprocess.run([SCRIPT, "stop"], env=environment, capture_output=True, timeout=60)


def said(environment: dict[str, str], *words: str | Path, timeout: int = 400) -> subprocess.CompletedProcess[str]:
    """Run a command on the cluster, from the checkout."""
    return subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def _free_ports(number: int) -> int:
    """Return the first of so many ports in a row that nobody listens on."""
    for first in range(20_000, 30_000, number):
        taken = []
        for port in range(first, first + number):
            with socket.socket() as asked:
                taken.append(asked.connect_ex(("127.0.0.1", port)) == 0)
        if not any(taken):
            return first
    raise AssertionError("no port is free")
