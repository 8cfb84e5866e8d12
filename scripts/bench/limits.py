"""How near a step comes to this machine: the best rate of its matrix products over libraries, and their kernels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_info
from torch.nn.functional import linear

from scripts.bench import jax_process
from scripts.bench.purchases import BATCH, GROUPS, PRODUCTS, WIDTH


def rates(repeats: int = 9, times: int = 200) -> dict[str, float]:
    """Measure at how many GFLOP/s a core does the five products of a step, by library; no path is forced."""
    inputs, hidden, error = torch.rand(BATCH, PRODUCTS), torch.rand(BATCH, WIDTH), torch.rand(BATCH, GROUPS)
    shapes = [(inputs, torch.rand(PRODUCTS, WIDTH)), (hidden, torch.rand(WIDTH, GROUPS))]
    pairs = [*shapes, (error, torch.rand(WIDTH, GROUPS).T), (hidden.T, error), (inputs.T, torch.rand(BATCH, WIDTH))]
    arrays = [(one.numpy(), other.numpy()) for one, other in pairs]
    turned = [(one.contiguous(), other.T.contiguous()) for one, other in pairs]
    ways: dict[str, Callable[[], Any]] = {
        "torch's mm": lambda: [torch.mm(one, other) for one, other in pairs],
        "torch's linear, operands turned before": lambda: [linear(one, other) for one, other in turned],
        "NumPy's matmul": lambda: [np.matmul(one, other) for one, other in arrays],
    }
    if torch.backends.mkldnn.is_available():
        ways["oneDNN's linear, operands turned before"] = lambda: [
            torch.ops.mkldnn._linear_pointwise(one, other, None, "none", [], "") for one, other in turned
        ]
    work = sum(2 * one.shape[0] * one.shape[1] * other.shape[1] for one, other in pairs)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    if jax_process.python():
        seconds["JAX's products"] = []
    for _ in range(repeats):
        for name, run in ways.items():
            cpu = time.process_time()
            for _ in range(times):
                run()
            seconds[name].append((time.process_time() - cpu) / times)
        if jax_process.python():
            seconds["JAX's products"].append(jax_process.product_seconds(arrays, times))
    return {name: work / float(np.median(some)) / 1e9 for name, some in seconds.items()}


def kernels() -> str:
    """Name the kernels that products go to: BLAS libraries that are loaded, and what torch knows of the processor."""
    found = {f"{one['prefix'].removeprefix('lib')} {one['architecture']}" for one in _blas()}
    return f"{', '.join(sorted(found)) or 'no BLAS but torch’s'}; torch: {torch.backends.cpu.get_cpu_capability()}"


def flops() -> float:
    """Count the floating-point operations of a step that are needed: no gradient of the inputs."""
    return 2.0 * BATCH * (2 * PRODUCTS * WIDTH + 3 * WIDTH * GROUPS)


def _blas() -> list[dict[str, Any]]:
    return [one for one in threadpool_info() if one["user_api"] == "blas" and "architecture" in one]
