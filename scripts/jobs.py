"""Runs that a script starts: processes of their own, several at a time, found again while the same code made them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from telltale.reporting.metrics_file import write_json

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ("-m", "src.run")
Job = TypeVar("Job")


@dataclass(frozen=True)
class Run:
    """One run of the command.

    words    of the command line
    folder   of the run, with `made_by.json` in it once the run has ended well
    log      file for what the process prints
    made_by  what decides the run's figures, as JSON: its words, the code; a run made by anything else is not finished,
             nor is ever one of which this is not said
    start    arguments of Python that stand before the words
    """

    words: Sequence[str]
    folder: Path
    log: Path
    made_by: Mapping[str, Any] | None = None
    start: Sequence[str] = COMMAND

    def is_finished(self) -> bool:
        """Tell whether the run is there, made by just this."""
        file = self.folder / "made_by.json"
        return self.made_by is not None and file.exists() and json.loads(file.read_text()) == self.made_by

    def play(self, threads: int | None = None) -> bool:
        """Run it, now, on so many threads (None: as the machine likes); tell whether it ended well."""
        for folder in (self.folder, self.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as output:
            ended = subprocess.run(
                command(self.words, self.folder, self.start),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(threads),
                cwd=ROOT,
                check=False,
            )
        if ended.returncode == 0 and self.made_by is not None:
            write_json(self.folder / "made_by.json", self.made_by)
        return ended.returncode == 0


def code_digest() -> str:
    """Digest all code and configuration that a run may use; papers' claims change no run."""
    paths = [*(ROOT / "src").rglob("*.py"), *(ROOT / "conf").rglob("*.yaml")]
    return _digest({path.relative_to(ROOT): path.read_bytes() for path in paths})


def digest_of_commit(commit: str) -> str | None:
    """Return what `code_digest` is where just this commit is checked out; None where it is not in this repository."""
    words = ["git", "-C", str(ROOT), "archive", "--format=tar", commit, "src", "conf"]
    try:
        archive = subprocess.run(words, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    with tarfile.open(fileobj=io.BytesIO(archive)) as tree:
        files = {Path(member.name): tree.extractfile(member) for member in tree if member.isfile()}
        kinds = {"src": ".py", "conf": ".yaml"}
        return _digest(
            {path: file.read() for path, file in files.items() if file and path.suffix == kinds[path.parts[0]]}
        )


def _digest(files: Mapping[Path, bytes]) -> str:
    claims = Path("conf", "paper")
    return blake2b(b"".join(files[path] for path in sorted(files) if path.parent != claims)).hexdigest()


def command(words: Sequence[str], folder: Path, start: Sequence[str] = COMMAND) -> list[str]:
    """Return the command line of a run that leaves its report in `folder`; it belongs into the folder `ROOT`."""
    path = str(folder.resolve()).replace("'", r"\'")
    return [sys.executable, *start, *words, f"hydra.run.dir='{path}'"]


def environment(threads: int | None) -> dict[str, str]:
    """Return this process's environment, with so many threads for torch and numpy."""
    count = {} if threads is None else {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return {**os.environ, **count}


def play_all(jobs: Sequence[Job], play: Callable[[Job], bool], at_once: int) -> Iterator[tuple[Job, bool]]:
    """Play jobs in their order, `at_once` at a time; yield each as it ends, and whether it ended well."""
    with ThreadPoolExecutor(at_once) as pool:
        running = {pool.submit(play, job): job for job in jobs}
        try:
            for ended in as_completed(running):
                yield running[ended], ended.result()
        finally:  # who interrupts the command wants no further job begun
            for waiting in running:
                waiting.cancel()
