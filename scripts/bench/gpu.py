"""The GPU part of the benchmark: fleets of 8, 32 and 128 models, stacked, one by one and as plain networks.

    python -m scripts.bench.gpu --page scripts/bench/gpu_measured.md

needs torch, numpy and pytorch-lightning only: `make bench` puts the page it writes into docs/benchmarks.md. A step is
reading, forward, backward and optimiser, without Lightning's loop. Molecule encoders are trained one by one on a GPU;
what is stacked of them is their answers about the same molecules.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import platform
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import numpy as np
import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy

UNUSED = {"rdkit": ("Chem",), "hydra": ("utils",)}  # imported with the fleet, of no use to it
MISSING = {"filelock": (), "rich": ("console", "progress"), "torch_geometric": ("utils",)}
if __name__ == "__main__":
    for package, parts in (UNUSED | MISSING).items():
        if package in UNUSED or importlib.util.find_spec(package) is None:
            sys.modules |= {name: MagicMock() for name in (package, *(f"{package}.{part}" for part in parts))}
            if package == "torch_geometric":
                utils: Any = sys.modules["torch_geometric.utils"]
                utils.scatter = lambda rows, place, _, number, how: rows.new_zeros(number, *rows.shape[1:]).index_add_(
                    0, place, rows
                )

if TYPE_CHECKING:
    from telltale.training.objective import Objective

FLEETS, BATCH, RECORDS = (8, 32, 128), 64, 4_096
PICTURE = (1, 28, 28)
LAYERS, WIDTH, ATOMS = 3, 128, 24  # of a GIN, and of a molecule
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


def measure(device: str, repeats: int, fleets: Sequence[int] = FLEETS) -> list[list[str]]:
    """Time a step of each network and size of fleet, ways in turn: rows of a table, milliseconds a model."""
    builders: dict[str, Callable[[int, str], dict[str, Callable[[], None]]]] = {
        name: partial(_ways, *network) for name, network in networks().items()
    }
    builders |= {f"GIN {LAYERS} × {WIDTH}, {what}": ways for what, ways in GINS.items()}
    rows = []
    for name, ways_of in builders.items():
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


def molecules(device: str) -> Any:
    """Make molecules up, each a chain of ATOMS atoms closed to a ring: a batch of them."""
    from telltale.data.molecules.batch import MoleculeBatch

    rng, atoms = np.random.default_rng(0), torch.arange(BATCH * ATOMS)
    following = atoms // ATOMS * ATOMS + (atoms + 1) % ATOMS
    ends = torch.cat([torch.stack([atoms, following]), torch.stack([following, atoms])], 1)
    kinds = torch.from_numpy(rng.integers(4, size=(len(atoms), 2)))
    bonds = torch.from_numpy(rng.integers(3, size=(ends.shape[1], 2)))
    first = torch.arange(BATCH) * ATOMS
    return MoleculeBatch(kinds, bonds, ends, atoms // ATOMS, first, torch.zeros(BATCH, dtype=torch.long)).to(device)


def _gin() -> Any:
    from telltale.models.gin import GIN

    return GIN(LAYERS, WIDTH)


def _gin_steps(models: int, device: str) -> dict[str, Callable[[], None]]:
    """Return a classification step of each model in turn: by the objective and its optimiser, and plain."""
    from telltale.objectives.classification import Classification
    from telltale.training.batches import LabelledBatch

    inputs, labels = molecules(device), (torch.arange(BATCH) % 2).to(device)
    objectives = [Classification(_gin(), 1, BATCH, 0.05, 0.0005, classes=2).to(device) for _ in range(models)]
    optimizers = [objective.optimizer_over([*objective.parameters()]) for objective in objectives]
    networks = [Classification(_gin(), 1, BATCH, 0.05, 0.0005, classes=2).model.to(device) for _ in range(models)]

    def one_by_one() -> None:
        for objective, optimizer in zip(objectives, optimizers, strict=True):
            optimizer.zero_grad()
            objective(LabelledBatch(inputs, labels, inputs.keys)).backward()
            optimizer.step()

    return {"one_by_one": one_by_one, "plain": _plain_step(networks, lambda _: (inputs, labels))}


def _gin_answers(models: int, device: str) -> dict[str, Callable[[], None]]:
    """Return embeddings of the same molecules by all models, in one vmapped pass and one by one."""
    encoders, batch = [_gin().to(device).eval() for _ in range(models)], molecules(device)
    parameters, buffers = stack_module_state(encoders)
    skeleton = copy.deepcopy(encoders[0]).to("meta")

    @torch.no_grad()
    def stacked() -> None:
        vmap(lambda *state: functional_call(skeleton, state, (batch,)))(parameters, buffers)

    @torch.no_grad()
    def one_by_one() -> None:
        for encoder in encoders:
            encoder(batch)

    return {"stacked": stacked, "one_by_one": one_by_one}


GINS = {"a step": _gin_steps, "embeddings of the same 64 molecules": _gin_answers}


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
    inputs, labels = data.inputs.to(device), data.labels.to(device)
    return {**ways, "plain": _plain_step(plain, lambda model: (inputs[rows[model]], labels[rows[model]]))}


def _fleet_step(fleet: Any, rows: torch.Tensor) -> Callable[[], None]:
    optimizer, keys = fleet.optimizer_alone(), torch.zeros_like(rows)
    fleet.inputs, fleet.labels = fleet.data.inputs.to(rows.device), fleet.data.labels.to(rows.device)

    def step() -> None:
        optimizer.zero_grad()
        fleet.training_step((rows, keys), 0).backward()
        optimizer.step()

    return step


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
    lines = [f"| {' | '.join(line)} |" for line in (HEADS, ["---"] * len(HEADS), *rows)]
    text = f"A step on a CPU, batches of {BATCH}, float32; medians, ways in turn; {threads} threads."
    return "\n".join(["## Ways of a fleet", "", text, "", *lines, ""])


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try the script out")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--fleets", type=int, nargs="+", default=[*FLEETS], help="numbers of models")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU is visible here; --device cpu tries the script out")
    rows = measure(options.device, options.repeats, options.fleets)
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
