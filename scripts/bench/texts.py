"""Language models: fine-tuning, a private gradient against Opacus's ways, a fleet, answers to texts; CPU seconds.

`python -m scripts.bench.texts` prints all four, on one thread. The modes of Opacus misread tied layers, so the tables
of all are untied.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from telltale.data.texts.records import PAD, TextRecords
from telltale.models.backbone import Classifier
from telltale.models.transformer import Transformer
from telltale.objectives.language_modeling import LanguageModeling
from telltale.objectives.transfer import Transfer
from telltale.owner.release import TEXTS_AT_ONCE
from telltale.training.batches import LabelledBatch, query_batches
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.fleet import Fleet
from telltale.training.fleet.turns import ModuleFleet
from telltale.training.private.modes import MODES
from telltale.training.private.problem import Problem

LAYERS, WIDTH, HEADS, VOCABULARY, CONTEXT, BATCH = 4, 128, 4, 1024, 32, 64
TUNING, CLASSES = 32, 23  # texts in a step of fine-tuning, and their classes
SHORTEST = 12  # tokens of the texts that are asked about: glosses have 13 to 32, the middle eight tenths
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
    """Write the section of the benchmarks' page: fine-tuning by what is tuned, a fleet, private gradients, answers."""
    torch.set_num_threads(1)
    steps, models, asked = 4, 16, 2048
    told = f"A transformer of {LAYERS} × {WIDTH}, {VOCABULARY} tokens, texts of {CONTEXT}; CPU time, one thread."
    tuned = f"A step of fine-tuning on {TUNING} texts. What goes through the frozen blocks once is not counted."
    together = f"A step of {models} models, {BATCH} texts each. Where cores are left, models in turn have one each."
    private = f"A sum of clipped gradients of {BATCH} texts; Opacus misreads tied tables, so all are compared with two."
    answers = f"{asked:,} texts of {SHORTEST} to {CONTEXT} tokens answered by a classifier."
    parts = [
        table(tuned, "tuned", tuning(steps, 5), steps),
        table(together, "way", fleet(models, 3), 1),
        table(private, "way", private_gradients(5), 1, "ours: bookkeeping, two tables"),
        table(answers, "way", answering(asked, 3), 1),
    ]
    return "\n\n".join(["## Language models", told, *parts]) + "\n"


def table(told: str, what: str, seconds: dict[str, list[float]], steps: int, first: str = "") -> str:
    """Write CPU seconds by way, of so many steps, as rows: the median, and its ratio to the first way."""
    of = seconds[first or next(iter(seconds))]
    rows = [
        f"| {name} | {1000 * np.median(taken) / steps:,.0f} ms | {np.median(np.divide(taken, of)):.2f} |"
        for name, taken in seconds.items()
    ]
    head = f"| {what} | CPU time | times {first or 'the first'} |\n| --- | --- | --- |"
    return "\n".join([told, "", head, *rows])


def answering(number: int, repeats: int) -> dict[str, list[float]]:
    """Time answers to texts of many lengths, as releases give them and in the order they come: CPU seconds by way."""
    torch.manual_seed(0)
    network = Classifier(Transformer(LAYERS, WIDTH, HEADS, vocabulary=VOCABULARY, shape=(CONTEXT,)), CLASSES).eval()
    tokens, lengths = texts(number), np.random.default_rng(0).integers(SHORTEST, CONTEXT + 1, number)
    tokens[torch.arange(CONTEXT) >= torch.from_numpy(lengths)[:, None]] = PAD
    none = np.array([""] * number, object)
    records = TextRecords(tokens.numpy(), VOCABULARY, "0" * 32, "drawn texts", none, none, np.arange(number))

    @torch.no_grad()
    def as_they_come() -> None:
        for part in tokens.split(512):
            network(part)

    @torch.no_grad()
    def by_length() -> None:
        for part, _ in query_batches(records, number, TEXTS_AT_ONCE):
            network(part)

    return in_turn(
        {"texts of one length together, 64 at a time": by_length, "as they come, 512 at a time": as_they_come}, repeats
    )


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
    """Print the section."""
    print(section())


if __name__ == "__main__":
    main()
