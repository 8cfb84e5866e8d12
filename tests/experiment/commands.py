"""Give the public command from a test: in this process, or as a process of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from hydra.core.global_hydra import GlobalHydra

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("scale=smoke", "logger=none", "evaluation.replicates=100", "attack.rivals=[]")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def command(*words: str) -> Ended:
    """Run the command line in this process, as a fresh one would."""
    import telltale.command

    telltale.command.failures.clear()
    GlobalHydra.instance().clear()
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["src/run.py", *words]),
        mock.patch.dict(os.environ),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            telltale.command.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    GlobalHydra.instance().clear()
    return Ended(code, out.getvalue(), err.getvalue())


def process(*words: str, program: str | None = None, seconds: int = 300) -> Ended:
    """Run the command line as a process, so long at most; `program`: Python code instead of the command."""
    start = ["-c", program] if program else ["-m", "src.run"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *start, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=seconds
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def read(path: Path) -> dict[str, Any]:
    """Read a JSON file."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document
