"""The network of `purchases` trained by JAX, models one after another or all in one step; run by a Python with jax.

It imports nothing of ours, as jax lives in an environment of its own: `jax_process` starts it, hands it a file a line
and reads a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

COMPILED: dict[Any, Any] = {}


def train(file: str, stacked: bool) -> dict[str, Any]:
    """Train all models on batches of one size, as a scan needs: seconds by wall and CPU, and to compile.

    file: an .npz with features, labels, test, rows (models, steps, batch), and width, classes, momentum, decay, rate;
    what the models answer on test goes to the same name with .npy.
    """
    with np.load(file) as given:
        task = dict(given)
    momentum, decay, rate = (float(task[name]) for name in ("momentum", "decay", "rate"))
    inputs, labels = jnp.asarray(task["features"]), jnp.asarray(task["labels"])

    def loss(weights: Any, rows: Any) -> Any:
        scores = jax.nn.log_softmax(_logits(weights, inputs[rows]))
        return -jnp.take_along_axis(scores, labels[rows][:, None], 1).mean()

    def step(state: Any, rows: Any) -> Any:
        weights, velocity = state
        gradient = jax.grad(loss)(weights, rows)
        velocity = [momentum * v + g + decay * w for v, g, w in zip(velocity, gradient, weights, strict=True)]
        return ([w - rate * v for w, v in zip(weights, velocity, strict=True)], velocity), None

    def in_turn(weights: Any, velocity: Any, rows: Any) -> Any:
        return jax.lax.map(lambda one: jax.lax.scan(step, one[:2], one[2])[0][0], (weights, velocity, rows))

    def all_at_once(weights: Any, velocity: Any, rows: Any) -> Any:
        steps = jax.vmap(lambda *one: step(one[:2], one[2])[0])
        over = jax.lax.scan(lambda state, own: (steps(*state, own), None), (weights, velocity), rows.swapaxes(0, 1))
        return over[0][0]

    start, compiling = _start(task), 0.0
    kind = stacked, task["rows"].shape, task["features"].shape
    if kind not in COMPILED:
        began = time.perf_counter()
        COMPILED[kind] = jax.jit(all_at_once if stacked else in_turn).lower(*start).compile()
        compiling = time.perf_counter() - began
    jax.block_until_ready(start)
    wall, cpu = time.perf_counter(), time.process_time()
    weights = jax.block_until_ready(COMPILED[kind](*start))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    np.save(f"{file}.npy", jax.vmap(lambda own: _logits(own, jnp.asarray(task["test"])))(weights))
    return {"wall": wall, "cpu": cpu, "compiling": compiling}


def products(file: str, times: int) -> dict[str, Any]:
    """Time matrix products, pairs "0 left", "0 right", … of an .npz: seconds of processors a round."""
    with np.load(file) as given:
        pairs = [(jnp.asarray(given[f"{k} left"]), jnp.asarray(given[f"{k} right"])) for k in range(len(given) // 2)]
    step = jax.jit(lambda pairs: [left @ right for left, right in pairs])
    jax.block_until_ready(step(pairs))
    cpu = time.process_time()
    for _ in range(times):
        jax.block_until_ready(step(pairs))
    return {"cpu": (time.process_time() - cpu) / times}


def _logits(weights: Any, records: Any) -> Any:
    first, bias, second, last = weights
    return jax.nn.relu(records @ first + bias) @ second + last


def _start(task: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Draw weights as torch does; momentum, and each model's rows, (models, steps, batch)."""
    rng, models = np.random.default_rng(0), len(task["rows"])
    width, classes, features = int(task["width"]), int(task["classes"]), task["features"].shape[1]
    sizes = ((features, width), (width,), (width, classes), (classes,))
    weights = [
        jnp.asarray(rng.uniform(-1, 1, (models, *size)) / np.sqrt(before), jnp.float32)
        for size, before in zip(sizes, (features, features, width, width), strict=True)
    ]
    return weights, [jnp.zeros_like(one) for one in weights], jnp.asarray(task["rows"])


if __name__ == "__main__":
    for line in sys.stdin:
        order = json.loads(line)
        work: Callable[..., dict[str, Any]] = train if order.pop("do") == "train" else products
        print(json.dumps(work(**order)), flush=True)
