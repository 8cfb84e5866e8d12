"""The network of `purchases` trained by JAX, models one after another or all in one step; needs jax, no part of us."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from scripts.bench.purchases import DECAY, GROUPS, MOMENTUM, PRODUCTS, RATE, WIDTH

SIZES = ((PRODUCTS, WIDTH), (WIDTH,), (WIDTH, GROUPS), (GROUPS,))


def train(task: Any, stacked: bool) -> tuple[float, float, np.ndarray, float]:
    """Train all models on batches of one size, as a scan needs: seconds by wall and CPU, logits, seconds to compile."""
    import jax
    import jax.numpy as jnp

    inputs, labels = jnp.asarray(task.pool.features), jnp.asarray(task.pool.labels)

    def loss(weights: Any, rows: Any) -> Any:
        scores = jax.nn.log_softmax(_logits(jax, weights, inputs[rows]))
        return -jnp.take_along_axis(scores, labels[rows][:, None], 1).mean()

    def step(state: Any, rows: Any) -> Any:
        weights, velocity = state
        gradient = jax.grad(loss)(weights, rows)
        velocity = [MOMENTUM * v + g + DECAY * w for v, g, w in zip(velocity, gradient, weights, strict=True)]
        return ([w - RATE * v for w, v in zip(weights, velocity, strict=True)], velocity), None

    def in_turn(weights: Any, velocity: Any, rows: Any) -> Any:
        return jax.lax.map(lambda one: jax.lax.scan(step, one[:2], one[2])[0][0], (weights, velocity, rows))

    def all_at_once(weights: Any, velocity: Any, rows: Any) -> Any:
        steps = jax.vmap(lambda *one: step(one[:2], one[2])[0])
        return jax.lax.scan(lambda state, own: (steps(*state, own), None), (weights, velocity), rows.swapaxes(0, 1))[0][
            0
        ]

    given = _start(jnp, task)
    began = time.perf_counter()
    compiled = jax.jit(all_at_once if stacked else in_turn).lower(*given).compile()
    compiling = time.perf_counter() - began
    jax.block_until_ready(given)
    wall, cpu = time.perf_counter(), time.process_time()
    weights = jax.block_until_ready(compiled(*given))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    logits = jax.vmap(lambda own: _logits(jax, own, jnp.asarray(task.test.features)))(weights)
    return wall, cpu, np.asarray(logits), compiling


def _logits(jax: Any, weights: Any, records: Any) -> Any:
    first, bias, second, last = weights
    return jax.nn.relu(records @ first + bias) @ second + last


def _start(jnp: Any, task: Any) -> tuple[Any, Any, Any]:
    """Draw weights as torch does, and each model's rows, (models, steps, batch)."""
    rng = np.random.default_rng(0)
    bounds = [1 / np.sqrt(size) for size in (PRODUCTS, PRODUCTS, WIDTH, WIDTH)]
    weights = [
        jnp.asarray(rng.uniform(-bound, bound, (task.models, *size)), jnp.float32)
        for bound, size in zip(bounds, SIZES, strict=True)
    ]
    rows = [[batch.numpy() for batch in task.batches(model)] for model in range(task.models)]
    return weights, [jnp.zeros_like(one) for one in weights], jnp.asarray(np.array(rows))
