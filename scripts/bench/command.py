"""The command as a person meets it: how long it takes, and on how much of the processors."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Run(NamedTuple):
    """What a process took: seconds by the clock and of processors; and what it said."""

    seconds: float
    processors: float
    said: str


def start_up(arguments: list[str], repeats: int = 3) -> float:
    """Return the seconds of the command with `arguments`, the fastest of `repeats`."""
    return min(run(arguments).seconds for _ in range(repeats))


def timed(words: list[str]) -> float:
    """Return the seconds of the command with these words."""
    return run(words).seconds


def run(words: list[str]) -> Run:
    """Run the command with these words in a process of its own; raises RuntimeError with what it said if it fails."""
    return python(["-m", "src.run", *words])


def python(arguments: list[str]) -> Run:
    """Run Python in a process of its own, without what a benchmark forces; see `run`."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "src"), environment.get("PYTHONPATH")]))
    with TemporaryFile("w+", encoding="utf-8") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=said, stderr=subprocess.STDOUT, cwd=ROOT, env=environment
        )
        _, status, used = os.wait4(process.pid, 0)  # of this child alone, unlike RUSAGE_CHILDREN
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {text[-2000:]}")
    return Run(seconds, used.ru_utime + used.ru_stime, text)
