"""JAX beside us, in a process and an environment of its own, so that ours stays the one that is tested.

`make bench` makes the environment in .venv-jax; TELLTALE_JAX names the Python of another.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.purchases import DECAY, GROUPS, MOMENTUM, RATE, WIDTH

ROOT = Path(__file__).resolve().parents[2]
ONE_CORE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


@cache
def python() -> str:
    """Return the Python that has jax, "" where there is none."""
    named = os.environ.get("TELLTALE_JAX") or str(ROOT / ".venv-jax" / "bin" / "python")
    if not Path(named).exists():
        return ""
    asked = subprocess.run([named, "-c", "import jax"], capture_output=True, check=False)
    return "" if asked.returncode else named


def train(task: Any, stacked: bool) -> tuple[float, float, np.ndarray, float]:
    """Train a task's models: seconds by wall and CPU, logits of each model, seconds to compile."""
    rows = [[batch.numpy().astype(np.int32) for batch in task.batches(model)] for model in range(task.models)]
    settings: dict[str, Any] = {"width": WIDTH, "classes": GROUPS, "momentum": MOMENTUM, "decay": DECAY, "rate": RATE}
    given = {"features": task.pool.features, "labels": task.pool.labels, "test": task.test.features, "rows": rows}
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/task.npz"
        np.savez(file, **given, **settings)
        took = _asked(_process(), {"do": "train", "file": file, "stacked": stacked})
        return took["wall"], took["cpu"], np.load(f"{file}.npy"), took["compiling"]


def product_seconds(pairs: Sequence[tuple[np.ndarray, np.ndarray]], times: int) -> float:
    """Return the seconds of one core that a round of matrix products takes."""
    given = {
        f"{k} {side}": one for k, pair in enumerate(pairs) for side, one in zip(("left", "right"), pair, strict=True)
    }
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/pairs.npz", **given)  # type: ignore[arg-type]
        order = {"do": "products", "file": f"{folder}/pairs.npz", "times": times}
        seconds: float = _asked(_process(one_core=True), order)["cpu"]
        return seconds


@cache
def _process(one_core: bool = False) -> subprocess.Popen[str]:
    """Start a process once: it keeps what it compiled, and ends when its input does."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **({"XLA_FLAGS": ONE_CORE} if one_core else {})}
    command = [python(), str(Path(__file__).with_name("with_jax.py"))]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )


def _asked(process: subprocess.Popen[str], order: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError("JAX ended without an answer")
    found: dict[str, Any] = json.loads(answer)
    return found
