"""The command as a person meets it: start-up, a whole job from an empty store, and the same job again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def start_up(arguments: list[str], repeats: int = 3) -> float:
    """Return the seconds of the command with `arguments`, the fastest of `repeats`."""
    return min(_seconds([sys.executable, "-m", "src.run", *arguments]) for _ in range(repeats))


def job(scale: str = "small") -> dict[str, float]:
    """Run the main job twice, from an empty store and from a full one: seconds, memory, when the attack starts."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "src.run", f"scale={scale}", "logger=none", f"paths.outputs={folder}"]
        runs = []
        for name in ("empty", "full"):
            run = Path(folder) / name
            began = time.perf_counter()
            ended = subprocess.run([*command, f"hydra.run.dir={run}"], capture_output=True, text=True, check=True)
            seconds = time.perf_counter() - began
            starts = re.search(r"the attack starts ([\d.]+) s", ended.stderr)
            assert starts is not None, ended.stderr
            record = json.loads((run / "run.json").read_text())
            runs.append((seconds, float(starts[1]), float(record["peak_memory_gb"])))
    (empty, _, memory), (full, starts_after, _) = runs
    return {
        "empty_store_seconds": empty,
        "full_store_seconds": full,
        "ratio": empty / full,
        "attack_starts_after_seconds": starts_after,
        "peak_memory_gb": memory,
    }


def timed(words: list[str]) -> float:
    """Return the seconds of the command with these words."""
    return _seconds([sys.executable, "-m", "src.run", *words])


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - began
