"""Steps of language models on a GPU, all in one or one after the other; texts are made up, a whole context each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

LAYERS, WIDTH, HEADS, VOCABULARY, CONTEXT = 4, 128, 4, 1024, 32
TEXTS = 2_048
BATCHES = (8, 64)  # that of `scale=small`, and that of the networks beside it


def objective_of(seed: int, batch: int) -> Any:
    """Build a language model of the size that `scale=small` has."""
    from telltale.models.transformer import Transformer
    from telltale.objectives.language_modeling import LanguageModeling

    torch.manual_seed(seed)
    network = Transformer(LAYERS, WIDTH, HEADS, vocabulary=VOCABULARY, shape=(CONTEXT,))
    return LanguageModeling(network, epochs=1, batch_size=batch, learning_rate=1e-3)


def texts(number: int) -> Tensor:
    """Draw texts: (number, CONTEXT) int64."""
    drawn = torch.randint(3, VOCABULARY, (number, CONTEXT), generator=torch.Generator().manual_seed(0))
    drawn[:, 0] = 1
    return drawn


def steps(batch: int, models: int, device: str) -> dict[str, Callable[[], None]]:
    """Return a step of all models: stacked, one by one as a fleet's fits, and by a plain loop over networks."""
    from telltale.training.fleet.data import FleetData
    from telltale.training.fleet.fleet import WAYS, Fleet

    tokens, rng = texts(TEXTS), np.random.default_rng(0)
    names = np.array([f"{row:016d}".encode() for row in range(TEXTS)])
    tables = np.stack([rng.permutation(TEXTS)[: TEXTS // 2] for _ in range(models)])
    data = FleetData(tokens, tokens, names, tables, tuple(range(models)))
    rows = torch.from_numpy(np.ascontiguousarray(tables[:, :batch])).to(device)
    ways = {}
    for way in WAYS:
        fleet = Fleet([objective_of(seed, batch) for seed in range(models)], data, way).to(device)
        ways[way] = fleet_step(fleet, rows)
    return {**ways, "plain": _plain([objective_of(seed, batch).to(device) for seed in range(models)], tokens, rows)}


def fleet_step(fleet: Any, rows: Tensor) -> Callable[[], None]:
    """Return a step of all a fleet's models on these rows of each: (models, batch) int64."""
    optimizer, keys = fleet.optimizer_alone(), torch.zeros_like(rows)
    fleet.inputs, fleet.labels = fleet.data.inputs.to(rows.device), fleet.data.labels.to(rows.device)

    def step() -> None:
        optimizer.zero_grad()
        fleet.training_step((rows, keys), 0).backward()
        optimizer.step()

    return step


def _plain(objectives: list[Any], tokens: Tensor, rows: Tensor) -> Callable[[], None]:
    from telltale.training.batches import LabelledBatch

    optimizers = [objective.optimizer_over([*objective.parameters()]) for objective in objectives]
    there, keys = tokens.to(rows.device), torch.zeros_like(rows[0])

    def step() -> None:
        for model, (objective, optimizer) in enumerate(zip(objectives, optimizers, strict=True)):
            batch = there[rows[model]]
            optimizer.zero_grad()
            objective(LabelledBatch(batch, batch, keys)).backward()
            optimizer.step()

    return step


def ways() -> dict[str, Callable[[int, str], dict[str, Callable[[], None]]]]:
    """Return what is measured, by name."""
    return {f"transformer {LAYERS} × {WIDTH}, {batch} texts of {CONTEXT}": partial(steps, batch) for batch in BATCHES}
