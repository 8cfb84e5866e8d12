"""A script that somebody runs ends with one line, not with a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.ending import exit_code
from telltale.errors import InputError


def raising(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("--seeds", 9, "one of 1, 2"), 2, "error: --seeds=9: one of 1, 2\n"),
        (KeyboardInterrupt(), 130, "interrupted: it is kept\n"),
        (KeyboardInterrupt("while training gin"), 130, "interrupted while training gin: it is kept\n"),
    ],
)
def test_an_error_is_a_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a traceback, and a line that does not say what is the matter."""
    assert exit_code(lambda: raising(error), "it is kept") == code and capsys.readouterr().err == line


def test_what_ends_well_keeps_its_code() -> None:
    """Catches failed runs that end as if they had not."""
    assert exit_code(lambda: None) == 0 and exit_code(lambda: 1) == 1


def test_a_paper_that_is_interrupted_says_so(tmp_path: Path) -> None:
    """Catches Ctrl-C that begins the next run, and a traceback where runs are played."""
    words = ["scripts.reproduce_paper", "molextract", "--scale", "smoke", "--unplanned", "--jobs", "1"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # who is started in the background ignores it
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", *words, "--folder", str(tmp_path)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    for _ in range(600):
        if list(tmp_path.rglob("output.log")):
            break
        time.sleep(0.1)
    time.sleep(1)  # the log is opened before its run is there to be told
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in told
    assert told.endswith("interrupted: what has ended is kept\n")
    assert len(list(tmp_path.rglob("output.log"))) == 1
