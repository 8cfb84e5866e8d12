"""The section of the page on fleets against what a clever user would write."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import torch

from scripts.bench import fleets, in_memory, limits, small_cnn
from scripts.bench.purchases import BATCH
from telltale.papers.grid_view import markdown

MODELS, PEERS, EPOCHS, REPEATS = 64, 8, (4, 40), 3
HEAD = ["", "ms a model-step", "of CPU", "times the bare step", "by CPU", "test accuracy", "compiling"]


def section() -> str:
    """Measure and write: short and long fits, the machine's limit, small convolutional networks."""
    forced = os.environ.get("OPENBLAS_CORETYPE")
    print("measuring fleets against loops in memory and JAX …", file=sys.stderr)
    with fleets.threads():
        parts = [_table(epochs) for epochs in EPOCHS]
        pictures = [_pictures(epochs) for epochs in EPOCHS]
    note = f" **OPENBLAS_CORETYPE={forced} was set.**" if forced else ""
    return (
        f"## Fleets against records in memory\n\nTables of Purchase-100's shape, batches of {BATCH}, {MODELS} models; "
        f"loops, which gain nothing from company, on {PEERS}; {REPEATS} repeats in turn, medians, {fleets.THREADS} "
        f"cores. Kernels: {limits.kernels()}.{note} Our products: {in_memory.products_here()}.\n\n"
        + "\n\n".join([*parts, _limit(), *pictures])
        + "\n"
    )


def _table(epochs: int) -> str:
    rows = in_memory.measure(MODELS, PEERS, epochs, REPEATS, fleets.THREADS)
    return f"{epochs} epochs:\n\n{markdown([HEAD, *(_line(name, row) for name, row in rows.items())])}"


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
