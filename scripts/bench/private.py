"""A step of private training, ours against Opacus's modes, side by side: ways take turns, medians of ratios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from scripts.bench.fleets import THREADS, in_turn
from telltale.data.images import fashion_mnist
from telltale.defenses.dp_sgd import DPSGD
from telltale.owner.preparation import initial_objective
from telltale.training.batches import LabelledBatch, RecordDataset
from telltale.training.private.modes import mode_of
from telltale.training.private.privacy import Plan

OPACUS = ("hooks", "ghost", "functorch", "ew")
NETWORKS: dict[str, dict[str, Any]] = {
    "MLP": {"_target_": "telltale.models.mlp.MLP", "widths": [256, 128]},
    "CNN": {"_target_": "telltale.models.cnn.CNN", "channels": [16, 32], "width": 64, "norm": "group"},
}
CLIP, SIGMA = 1.0, 1.0


def steps(network: str, batch_size: int = 64, repeats: int = 60) -> dict[str, Any]:
    """Time a whole step (sums, noise, optimiser) all ways: for each its seconds and its ratio to ours."""
    records = fashion_mnist.load().records
    batch = RecordDataset(records, 0, records.labels)[0, np.arange(batch_size)]
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        chosen = mode_of(_private(network))
        ways = {f"ours: {chosen}": _ours(network, batch, chosen)}
        ways |= {f"Opacus: {mode}": step for mode in OPACUS if (step := _opacus(network, batch, mode))}
        ways["no privacy"] = _plain(network, batch)
        seconds = in_turn(ways, repeats)
    finally:
        torch.set_num_threads(before)
    ours = seconds[f"ours: {chosen}"]
    return {
        name: {"seconds": float(np.median(taken)), "ratio": float(np.median(taken / ours))}
        for name, taken in seconds.items()
    }


def _objective(network: str) -> Any:
    options = {"_target_": "telltale.objectives.classification.Classification", "classes": 10, "epochs": 1}
    options |= {"batch_size": 64, "learning_rate": 0.05}
    return initial_objective({**NETWORKS[network], "shape": (1, 28, 28)}, options, 0)


def _private(network: str) -> Any:
    objective = _objective(network)
    DPSGD(epsilon=None, sigma=SIGMA, clip=CLIP).prepare(objective)
    return objective


def _ours(network: str, batch: LabelledBatch, mode: str) -> Callable[[], None]:
    objective = _private(network)
    objective.private.use(mode)
    objective.private.begin(objective, Plan(0.1, 10, SIGMA, CLIP, float(len(batch))), 0)
    optimizer = objective.optimizer_over(objective.parameters())

    def step() -> None:
        optimizer.zero_grad()
        objective.training_step(batch, 0).backward()
        optimizer.step()

    return step


def _opacus(network: str, batch: LabelledBatch, mode: str) -> Callable[[], None] | None:
    """Build Opacus's own step as its documentation has it; None where it does not know the mode or the network."""
    from opacus import PrivacyEngine
    from torch.utils.data import DataLoader, TensorDataset

    model, criterion = _objective(network).model, nn.CrossEntropyLoss()
    options: dict[str, Any] = {"criterion": criterion} if mode == "ghost" else {}
    try:
        made = PrivacyEngine().make_private(
            module=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True),
            data_loader=DataLoader(TensorDataset(batch.inputs, batch.labels), batch_size=len(batch)),
            noise_multiplier=SIGMA,
            max_grad_norm=CLIP,
            poisson_sampling=False,
            grad_sample_mode=mode,
            **options,
        )
    except (ValueError, NotImplementedError, ImportError, TypeError) as error:
        print(f"Opacus has no mode {mode} for this network: {error}")
        return None
    model, optimizer = made[:2]
    loss = made[2] if mode == "ghost" else criterion

    def step() -> None:
        optimizer.zero_grad()
        loss(model(batch.inputs), batch.labels).backward()
        optimizer.step()

    return step


def _plain(network: str, batch: LabelledBatch) -> Callable[[], None]:
    model = _objective(network).model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(model(batch.inputs), batch.labels).backward()
        optimizer.step()

    return step
