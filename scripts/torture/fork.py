"""One trial of the command, in a forked child of a process that has imported everything: it starts at once."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

QUICK = ("scale=smoke", "logger=none", "trainer=cpu", "evaluation.replicates=100", "rivals=none")
TICK_S = 0.01


@dataclass(frozen=True)
class Ended:
    """How a trial ended.

    code       exit code; minus the signal that ended it; None: it was still running at the end of its time
    output     all it printed
    seconds    it took
    """

    code: int | None
    output: str
    seconds: float

    @property
    def has_traceback(self) -> bool:
        """Tell whether a traceback was printed."""
        return "Traceback (most recent call last)" in self.output

    @property
    def is_one_line(self) -> bool:
        """Tell whether it was refused as one should be: a code other than 0, its last line an error, no traceback."""
        lines = self.output.strip().splitlines() or [""]
        return bool(self.code and self.code > 0 and lines[-1].startswith("error: ") and not self.has_traceback)


@dataclass(frozen=True)
class Child:
    """A trial that runs: `pid` leads a group of processes of its own; what it prints grows in `log`."""

    pid: int
    log: Path
    began: float

    def wait(self, seconds: float) -> Ended:
        """Wait for its end; after so many seconds its whole group is killed."""
        while (found := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
            if time.monotonic() - self.began > seconds:
                self.kill_all()
                os.waitpid(self.pid, 0)
                return self._ended(None)
            time.sleep(TICK_S)
        return self._ended(os.waitstatus_to_exitcode(found[1]))

    def send(self, number: int) -> None:
        """Send a signal to the process alone, not to its workers: as the kernel, Slurm or a user does."""
        os.kill(self.pid, number)

    def kill_all(self) -> None:
        """Kill the process and all that it started."""
        os.killpg(self.pid, signal.SIGKILL)

    def printed(self) -> str:
        """Return what it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def _ended(self, code: int | None) -> Ended:
        return Ended(code, self.printed(), time.monotonic() - self.began)


@cache
def warm() -> None:
    """Import all that a run imports, once; what a child does afterwards is its own."""
    import telltale

    for module in pkgutil.walk_packages(telltale.__path__, "telltale."):
        importlib.import_module(module.name)


def begin(words: Sequence[str], log: Path, before: Callable[[], None] | None = None, cwd: Path | None = None) -> Child:
    """Start the command with these words in a child, its output in the file `log`.

    before: called in the child before the command, to break something there; cwd: its working folder.
    """
    warm()
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _play(words, log, before, cwd)
    return Child(pid, log, began)


def call(
    words: Sequence[str],
    log: Path,
    seconds: float = 300,
    before: Callable[[], None] | None = None,
    cwd: Path | None = None,
) -> Ended:
    """Run the command with these words to its end, or for so many seconds."""
    return begin(words, log, before, cwd).wait(seconds)


def _play(words: Sequence[str], log: Path, before: Callable[[], None] | None, cwd: Path | None) -> None:
    """Be the command; never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        how = ("w", 1, "utf-8", "backslashreplace")
        sys.stdout, sys.stderr = (os.fdopen(number, *how, closefd=False) for number in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if cwd is not None:
            os.chdir(cwd)
        sys.argv = ["src/run.py", *words]
        if before is not None:
            before()
        from telltale.command import main

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or 1
        os._exit(code)
