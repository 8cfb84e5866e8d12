"""The GPU part of the benchmark: fleets of 8, 32 and 128 models, stacked, one by one and as plain networks.

    python -m scripts.bench.gpu --page scripts/bench/gpu_measured.md

needs torch, numpy and pytorch-lightning only: `make bench` puts the page it writes into docs/benchmarks.md. A step is
reading, forward, backward and optimiser, without Lightning's loop.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from scripts.bench import gpu_molecules, gpu_texts, gpu_whole
from scripts.bench.lacking import stand_in

LACKING = stand_in() if __name__ == "__main__" else []

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


def measure(device: str, repeats: int, fleets: Sequence[int] = FLEETS, only: str = "") -> list[list[str]]:
    """Time a step of each network with `only` in its name, ways in turn: rows of a table, milliseconds a model."""
    builders: dict[str, Callable[[int, str], dict[str, Callable[[], None]]]] = {
        name: partial(_ways, *network) for name, network in networks().items()
    }
    builders |= gpu_texts.ways()
    builders |= gpu_molecules.ways()
    rows = []
    for name, ways_of in ((name, ways_of) for name, ways_of in builders.items() if only in name):
        for models in fleets:
            rows.append([name, str(models), *_line(_in_turn(ways_of(models, device), repeats, device), models)])
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _line(seconds: dict[str, np.ndarray], models: int) -> list[str]:
    """Write milliseconds a model, and times the stacked way where there is one."""
    cells = []
    for way in ("stacked", "one_by_one", "plain"):
        cell = f"{1000 * float(np.median(seconds[way])) / models:.3f}" if way in seconds else "–"
        if way in seconds and way != "stacked" and "stacked" in seconds:
            cell += f" ({float(np.median(seconds[way] / seconds['stacked'])):.1f})"
        cells.append(cell)
    return cells


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
    ways = {
        way: gpu_texts.fleet_step(Fleet([objective() for _ in range(models)], data, way).to(device), rows)
        for way in WAYS
    }
    plain = [objective().model.to(device) for _ in range(models)]
    inputs, labels = data.inputs.to(device), data.labels.to(device)
    return {**ways, "plain": _plain_step(plain, lambda model: (inputs[rows[model]], labels[rows[model]]))}


def _plain_step(plain: list[Any], batch_of: Callable[[int], tuple[Any, torch.Tensor]]) -> Callable[[], None]:
    """Return a step of each network in turn, as a loop over models takes them; records lie on the device."""
    settings: dict[str, Any] = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.0005, "fused": True}
    optimizers = [torch.optim.SGD(network.parameters(), **settings) for network in plain]

    def step() -> None:
        for model, (network, optimizer) in enumerate(zip(plain, optimizers, strict=True)):
            inputs, labels = batch_of(model)
            optimizer.zero_grad()
            cross_entropy(network(inputs), labels).backward()
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
        rows = measure("cpu", 5, FLEETS[:2])
    finally:
        torch.set_num_threads(before)
    text = (
        f"A step on a CPU, batches of {BATCH} where none is named, float32; medians, ways in turn; {threads} threads."
    )
    return "\n".join(["## Ways of a fleet", "", text, "", _table([HEADS, *rows]), ""])


def _reached(rows: Sequence[Sequence[str]], goal: float = 20) -> str:
    """Say of which networks the largest fleet reaches the goal, and how far the others come."""
    most = max(int(row[1]) for row in rows)
    times = {row[0]: float(row[3].partition("(")[2].rstrip(")")) for row in rows if int(row[1]) == most}
    short = ", ".join(f"{name} ({ratio:.1f})" for name, ratio in times.items() if ratio < goal) or "none"
    reached = ", ".join(f"{name} ({ratio:.1f})" for name, ratio in times.items() if ratio >= goal) or "none"
    return f"{goal:.0f} times one by one at {most} models: reached by {reached}; not by {short}."


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *others = rows
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *others))


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try the script out")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--records", type=int, default=4_096, help="of whole fleets, each model has half of them")
    parser.add_argument("--fleets", type=int, nargs="+", default=[*FLEETS], help="numbers of models")
    parser.add_argument("--only", default="", help="networks with this in their name, and no whole fleets")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU is visible here; --device cpu tries the script out")
    rows = measure(options.device, options.repeats, options.fleets, options.only)
    if options.only:
        print(_table([HEADS, *rows]))
        return
    whole = gpu_whole.measure(options.device, max(options.fleets), options.records)
    machine = torch.cuda.get_device_name() if options.device == "cuda" else platform.processor() or "CPU"
    page = "\n".join(
        [
            "## GPU",
            "",
            f"{machine}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}; batches of {BATCH}, "
            "of texts as named, float32; medians, ways in turn. Written by `python -m scripts.bench.gpu`. "
            f"Molecules are made up, random graphs of {gpu_molecules.SIZE} ± {gpu_molecules.SPREAD} atoms. "
            "Of GINs, one by one lays each batch out and moves "
            "it to the device, as a fit does and the stacked step; in the plain loop all batches lie there.",
            "",
            _table([HEADS, *rows]),
            "",
            _reached(rows),
            "",
            "Whole fleets by `train_many`, with the store; alone is a fit each, by Lightning.",
            "",
            _table([gpu_whole.HEADS, *whole]),
            "",
        ]
    )
    print(page)
    if options.page:
        options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
