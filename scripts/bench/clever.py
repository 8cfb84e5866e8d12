"""The sections of the page on fleets against what a clever user would write."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from scripts.bench import fleets, in_memory, limits, small_cnn
from scripts.bench.purchases import BATCH
from telltale.papers.grid_view import markdown

MODELS, PEERS, EPOCHS, REPEATS = 64, 8, (4, 40), 3
HEAD = ["", "ms a model-step", "of CPU", "times the bare step", "by CPU", "test accuracy", "compiling"]


def short_fits() -> str:
    """Measure and write: fits of few epochs, where fixed costs weigh."""
    return _fits(EPOCHS[0])


def long_fits() -> str:
    """Measure and write: fits of many epochs."""
    return _fits(EPOCHS[1])


def limit() -> str:
    """Measure and write: how near a step comes to this machine's products."""
    print("measuring the machine's limit …", file=sys.stderr)
    return (
        f"## The machine's limit\n\nThe five products of a step (batches of {BATCH}) by each library as it comes, no "
        f"path forced, on one core; medians, in turn. Kernels: {limits.kernels()}. Our products: "
        f"{in_memory.products_here()}.\n\n{_limit()}\n"
    )


def pictures() -> str:
    """Measure and write: fleets of small convolutional networks against plain loops."""
    print("measuring small convolutional networks against loops …", file=sys.stderr)
    with fleets.threads():
        parts = [_pictures(epochs) for epochs in EPOCHS]
    return (
        f"## Small CNNs against records in memory\n\n`model=cnn`, `scale=small`; {REPEATS} repeats in turn, medians, "
        f"{fleets.THREADS} cores.\n\n" + "\n\n".join(parts) + "\n"
    )


def _fits(epochs: int) -> str:
    print(f"measuring {epochs} epochs of fleets against loops in memory and JAX …", file=sys.stderr)
    with fleets.threads():
        table = _table(epochs)
    return (
        f"## Fleets against records in memory, {epochs} epochs\n\nTables of Purchase-100's shape, batches of {BATCH}, "
        f"{MODELS} models; loops, which gain nothing from company, on {PEERS}; {REPEATS} repeats in turn, medians, "
        f"{fleets.THREADS} cores; JAX in a process of its own. Kernels: {limits.kernels()}. Our products: "
        f"{in_memory.products_here()}.\n\n{table}\n"
    )


def _table(epochs: int) -> str:
    rows = in_memory.measure(MODELS, PEERS, epochs, REPEATS, fleets.THREADS)
    return markdown([HEAD, *(_line(name, row) for name, row in rows.items())])


def _line(name: str, row: dict[str, Any]) -> list[str]:
    if "why" in row:
        return [name, row["why"], *[""] * (len(HEAD) - 2)]
    cpu = ["–", "–"] if np.isnan(row["cpu"]) else [f"{row['cpu']:.3f}", f"{row['cpu_ratio']:.2f}"]
    compiling = f"{row['compiling']:.1f} s" if row["compiling"] else ""
    return [name, f"{row['wall']:.3f}", cpu[0], f"{row['ratio']:.2f}", cpu[1], f"{row['accuracy']:.1%}", compiling]


def _limit() -> str:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, "blas"):  # NumPy's too
            rates = limits.rates()
            step = in_memory.bare(in_memory.task_of(MODELS, 4, 1))
    finally:
        torch.set_num_threads(before)
    ours, best = limits.flops() * MODELS * 4 * in_memory.STEPS / step.cpu / 1e9, max(rates.values())
    rows = [["the whole bare step, ours", f"{ours:.0f}", f"{ours / best:.0%}"]]
    rows += [[f"its products alone, {name}", f"{rate:.0f}", f"{rate / best:.0%}"] for name, rate in rates.items()]
    return markdown([["one core, needed operations", "GFLOP/s of CPU time", "of the best"], *rows])


def _pictures(epochs: int) -> str:
    rows = small_cnn.measure(epochs, REPEATS)
    head = [
        f"{small_cnn.MODELS} small CNNs, {epochs} epochs",
        "s a model",
        "of CPU",
        "times ours",
        "by CPU",
        "accuracy",
    ]
    lines = []
    for name, row in rows.items():
        seconds = [f"{row[key]:.3f}" for key in ("seconds", "cpu")]
        ratios = [f"{row[key]:.2f}" for key in ("ratio", "cpu_ratio")]
        lines.append([name, *seconds, *ratios, f"{row['accuracy']:.1%}"])
    return markdown([head, *lines])
