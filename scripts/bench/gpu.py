"""The GPU part of the benchmark: fleets of 8, 32 and 128 models, stacked, one by one and as plain networks.

    python -m scripts.bench.gpu --page scripts/bench/gpu_measured.md

needs torch, numpy and pytorch-lightning only: `make bench` puts the page it writes into docs/benchmarks.md. A step is
reading, forward, backward and optimiser, without Lightning's loop.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import numpy as np
import torch
from torch.nn.functional import cross_entropy

UNUSED = {"rdkit": ("Chem",), "hydra": ("utils",), "filelock": (), "rich": ("console", "progress")}
for package, parts in UNUSED.items():  # imported with the fleet, of no use to it
    if importlib.util.find_spec(package) is None:
        sys.modules |= {name: MagicMock() for name in (package, *(f"{package}.{part}" for part in parts))}

if TYPE_CHECKING:
    from telltale.training.objective import Objective

FLEETS, BATCH, RECORDS = (8, 32, 128), 64, 4_096
PICTURE = (1, 28, 28)
HEADS = ("", "models", "stacked, ms a model and step", "one by one (times stacked)", "plain loop (times stacked)")


def networks() -> dict[str, tuple[tuple[int, ...], Callable[[], Any], int]]:
    """Return by name: the shape of a record, what builds a backbone, and the number of classes."""
    from telltale.models.cnn import CNN
    from telltale.models.mlp import MLP
    from telltale.models.resnet import ResNet

    return {
        "MLP 600-128-100": ((600,), lambda: MLP([128], shape=(600,)), 100),
        "CNN 16-32-64, 28 × 28": (PICTURE, lambda: CNN([16, 32], 64, shape=PICTURE), 10),
        "ResNet-8, 28 × 28": (PICTURE, lambda: ResNet(8, shape=PICTURE), 10),
    }


def measure(device: str, repeats: int) -> list[list[str]]:
    """Time a step of each network and size of fleet, ways in turn: rows of a table, milliseconds a model."""
    rows = []
    for name, (shape, backbone, classes) in networks().items():
        for models in FLEETS:
            ways = _ways(shape, backbone, classes, models, device)
            seconds = _in_turn(ways, repeats, device)
            each = {way: 1000 * float(np.median(taken)) / models for way, taken in seconds.items()}
            ratio = {way: float(np.median(taken / seconds["stacked"])) for way, taken in seconds.items()}
            others = [f"{each[way]:.3f} ({ratio[way]:.1f})" for way in ("one_by_one", "plain")]
            rows.append([name, str(models), f"{each['stacked']:.3f}", *others])
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _ways(
    shape: tuple[int, ...], backbone: Callable[[], Any], classes: int, models: int, device: str
) -> dict[str, Callable[[], None]]:
    from telltale.objectives.classification import Classification
    from telltale.training.fleet.data import FleetData
    from telltale.training.fleet.fleet import WAYS, Fleet

    def objective() -> Objective:
        return Classification(backbone(), 1, BATCH, 0.05, 0.0005, classes=classes)

    rng = np.random.default_rng(0)
    data = FleetData(
        torch.rand(RECORDS, *shape),
        torch.from_numpy(rng.integers(classes, size=RECORDS)),
        np.array([f"{place:016d}" for place in range(RECORDS)], "S16"),
        np.stack([rng.permutation(RECORDS)[: RECORDS // 2] for _ in range(models)]),
        tuple(range(models)),
    )
    rows = torch.from_numpy(np.ascontiguousarray(data.tables[:, :BATCH])).to(device)
    ways = {way: _fleet_step(Fleet([objective() for _ in range(models)], data, way).to(device), rows) for way in WAYS}
    plain = [objective().model.to(device) for _ in range(models)]
    return {**ways, "plain": _plain_step(plain, data.inputs.to(device), data.labels.to(device), rows)}


def _fleet_step(fleet: Any, rows: torch.Tensor) -> Callable[[], None]:
    optimizer, keys = fleet.optimizer_alone(), torch.zeros_like(rows)
    fleet.inputs, fleet.labels = fleet.data.inputs.to(rows.device), fleet.data.labels.to(rows.device)

    def step() -> None:
        optimizer.zero_grad()
        fleet.training_step((rows, keys), 0).backward()
        optimizer.step()

    return step


def _plain_step(plain: list[Any], inputs: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> Callable[[], None]:
    """Return a step of each network in turn, as a loop over models takes them; records lie on the device."""
    settings: dict[str, Any] = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.0005, "fused": True}
    optimizers = [torch.optim.SGD(network.parameters(), **settings) for network in plain]

    def step() -> None:
        for network, optimizer, own in zip(plain, optimizers, rows, strict=True):
            optimizer.zero_grad()
            cross_entropy(network(inputs[own]), labels[own]).backward()
            optimizer.step()

    return step


def _in_turn(ways: dict[str, Callable[[], None]], repeats: int, device: str) -> dict[str, np.ndarray]:
    seconds = {name: np.empty(repeats) for name in ways}
    for repeat in range(-2, repeats):  # two warm up
        for name, run in ways.items():
            began = time.perf_counter()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            if repeat >= 0:
                seconds[name][repeat] = time.perf_counter() - began
    return seconds


def on_cpu(threads: int = 2) -> str:
    """Compare the ways of a fleet's step on this CPU, what `executor.way=auto` goes by: a section of the page."""
    print("measuring ways of a fleet …", file=sys.stderr)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        rows = measure("cpu", 5)
    finally:
        torch.set_num_threads(before)
    lines = [f"| {' | '.join(line)} |" for line in (HEADS, ["---"] * len(HEADS), *rows)]
    text = f"A step on a CPU, batches of {BATCH}, float32; medians, ways in turn; {threads} threads."
    return "\n".join(["## Ways of a fleet", "", text, "", *lines, ""])


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try the script out")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU is visible here; --device cpu tries the script out")
    rows = measure(options.device, options.repeats)
    machine = torch.cuda.get_device_name() if options.device == "cuda" else platform.processor() or "CPU"
    lines = [f"| {' | '.join(line)} |" for line in (HEADS, ["---"] * len(HEADS), *rows)]
    page = "\n".join(
        [
            "## GPU",
            "",
            f"{machine}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}; batches of {BATCH}, float32; medians, "
            "ways in turn. Written by `python -m scripts.bench.gpu`.",
            "",
            *lines,
            "",
        ]
    )
    print(page)
    if options.page:
        options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
