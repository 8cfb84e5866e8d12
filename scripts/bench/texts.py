"""Language models: fine-tuning, a private gradient against Opacus's ways, a fleet against one by one; CPU seconds.

`python -m scripts.bench.texts` prints all three, on one thread. The modes of Opacus misread tied layers, so the tables
of all are untied.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from telltale.models.transformer import Transformer
from telltale.objectives.language_modeling import LanguageModeling
from telltale.objectives.transfer import Transfer
from telltale.training.batches import LabelledBatch
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.fleet import Fleet
from telltale.training.fleet.turns import ModuleFleet
from telltale.training.private.modes import MODES
from telltale.training.private.problem import Problem

LAYERS, WIDTH, HEADS, VOCABULARY, CONTEXT, BATCH = 4, 128, 4, 1024, 32, 64
TUNING, CLASSES = 32, 23  # texts in a step of fine-tuning, and their classes
OPACUS = ("hooks", "ghost")


class Contiguous(Transformer):
    """The same, on tokens in one piece, as Opacus's ghost norms want them."""

    def states(self, tokens: Tensor) -> Tensor:
        """Compute one state a token."""
        return super().states(tokens.contiguous())


def objective_of(seed: int, tied: bool) -> LanguageModeling:
    """Build a language model of the size that `scale=small` has."""
    torch.manual_seed(seed)
    network = Contiguous(LAYERS, WIDTH, HEADS, tied=tied, vocabulary=VOCABULARY, shape=(CONTEXT,))
    return LanguageModeling(network, epochs=1, batch_size=BATCH, learning_rate=1e-3)


def texts(number: int) -> Tensor:
    """Draw texts of a whole context each: (number, CONTEXT)."""
    drawn = torch.randint(3, VOCABULARY, (number, CONTEXT), generator=torch.Generator().manual_seed(0))
    drawn[:, 0] = 1
    return drawn


def private_gradients(repeats: int) -> dict[str, list[float]]:
    """Time sums of clipped gradients in each way, and a gradient without privacy: CPU seconds by way."""
    tokens = texts(BATCH)
    batch = LabelledBatch(tokens, tokens, torch.zeros(BATCH, dtype=torch.int64))
    ways: dict[str, Callable[[], Any]] = {}
    for tied in (True, False):
        name = "tied" if tied else "two tables"
        ways[f"no privacy, {name}"] = _plain(objective_of(0, tied), batch)
        for mode in ("bookkeeping",) if tied else ("bookkeeping", *OPACUS):
            who = "Opacus" if mode in OPACUS else "ours"
            ways[f"{who}: {mode}, {name}"] = _private(objective_of(0, tied), batch, mode)
    return in_turn(ways, repeats)


def fleet(models: int, repeats: int) -> dict[str, list[float]]:
    """Time a step of each model of a fleet in each way: CPU seconds by way."""
    tokens = texts(2 * BATCH)
    names = np.array([f"{row:016d}".encode() for row in range(len(tokens))])
    tables = np.stack([np.random.default_rng(k).permutation(len(tokens))[:BATCH] for k in range(models)])
    data = FleetData(tokens, tokens, names, tables, tuple(range(models)))
    alone = [objective_of(k, True) for k in range(models)]
    turns = ModuleFleet([objective_of(k, True) for k in range(models)], data)
    ways: dict[str, Callable[[], Any]] = {"fleet: in turn": lambda: [turns.epoch(k, 0, None, 1) for k in range(models)]}
    ways |= {"one by one": _fit_each(alone, data), "fleet: stacked": _stacked(models, data)}
    return in_turn(ways, repeats)


def tuning(steps: int, repeats: int) -> dict[str, list[float]]:
    """Time `steps` steps of fine-tuning on TUNING texts each, by what is tuned: CPU seconds by way."""
    tokens = texts(steps * TUNING)
    names = np.array([f"{row:016d}".encode() for row in range(len(tokens))])
    labels = torch.arange(len(tokens)) % CLASSES
    data = FleetData(tokens, labels, names, np.arange(len(tokens))[None], (0,))
    ways: dict[str, Callable[[], Any]] = {}
    for tune in ("last_k", "lora", "all"):
        for once in (True, False) if tune == "last_k" else (False,):
            network = objective_of(0, True).model.backbone
            options: dict[str, Any] = {"optimizer": "adam", "classes": CLASSES, "tune": tune}
            models = ModuleFleet([Transfer(network, 1, TUNING, 1e-3, **options)], data)
            if not once:
                models.begun[0] = None
            frozen = (", frozen blocks once" if once else ", frozen blocks in each epoch") if tune == "last_k" else ""
            ways[tune + frozen] = partial(models.epoch, 0, 0, None)
    return in_turn(ways, repeats)


def section() -> str:
    """Write the section of the benchmarks' page: a step of fine-tuning, by what is tuned."""
    torch.set_num_threads(1)
    steps = 4
    seconds = tuning(steps, 5)
    first = next(iter(seconds))
    rows = [
        f"| {name} | {1000 * np.median(taken) / steps:.0f} ms | {np.median(np.divide(taken, seconds[first])):.1f} |"
        for name, taken in seconds.items()
    ]
    told = f"A transformer of {LAYERS} × {WIDTH}, a step on {TUNING} texts of {CONTEXT} tokens; CPU time, one thread. "
    told += "What goes through the frozen blocks once, before the first step, is not counted."
    head = "| tuned | CPU time | times the first |\n| --- | --- | --- |"
    return "\n".join(["## Fine-tuning language models", "", told, "", head, *rows]) + "\n"


def in_turn(ways: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Take turns, after a first time that warms up: CPU seconds by way."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(-1, repeats):
        for name, run in ways.items():
            began = time.process_time()
            run()
            if repeat >= 0:
                seconds[name].append(time.process_time() - began)
    return seconds


def _plain(objective: LanguageModeling, batch: LabelledBatch) -> Callable[[], None]:
    def run() -> None:
        objective.zero_grad()
        objective.record_losses(batch).sum().backward()

    return run


def _private(objective: LanguageModeling, batch: LabelledBatch, mode: str) -> Callable[[], None]:
    problem, clipped = Problem(objective), MODES[mode]()

    def run() -> None:
        with torch.no_grad():
            clipped(problem, problem.state(), batch, 1.0)

    return run


def _fit_each(objectives: list[LanguageModeling], data: FleetData) -> Callable[[], None]:
    """One model after the other: a batch, its gradient, a step of Adam, as a loop of a fit takes them."""
    optimizers = [objective.optimizer_over(list(objective.parameters())) for objective in objectives]

    def run() -> None:
        for objective, optimizer, table in zip(objectives, optimizers, data.tables, strict=True):
            rows = torch.from_numpy(table)
            batch = LabelledBatch(data.inputs[rows], data.labels[rows], torch.zeros_like(rows))
            optimizer.zero_grad()
            objective(batch).backward()
            optimizer.step()

    return run


def _stacked(models: int, data: FleetData) -> Callable[[], None]:
    together = Fleet([objective_of(k, True) for k in range(models)], data, "stacked")
    batch, optimizer = together.first_batch(), together.optimizer_alone()

    def run() -> None:
        optimizer.zero_grad()
        together.training_step(batch, 0).backward()
        optimizer.step()

    return run


def main() -> None:
    """Print what was measured, a way a line: the median of its CPU seconds, and its ratio to the first of ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=16, help="of the fleet")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{LAYERS} x {WIDTH}, {VOCABULARY} tokens, {BATCH} texts of {CONTEXT}; CPU seconds, one thread")
    for title, measure, first in (
        ("four steps of fine-tuning", partial(tuning, 4), "last_k, frozen blocks once"),
        (f"a step of {options.models} models", partial(fleet, options.models), "fleet: in turn"),
        ("a private gradient", private_gradients, "ours: bookkeeping, two tables"),
    ):
        print(title, flush=True)
        seconds = measure(options.repeats)
        for name, taken in seconds.items():
            ratio = np.median(np.array(taken) / np.array(seconds[first]))
            print(f"  {name:32} {np.median(taken):7.3f} s  {ratio:5.2f}", flush=True)


if __name__ == "__main__":
    main()
