"""Tables of the shape of Purchase-100, and the peers that train its shadow models one after the other.

The set itself may not be passed on. Ours is made up like it: 100 groups of customers, 600 products bought or not, each
record its group's pattern with a share of the products turned over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Subset, TensorDataset

from telltale.data.tables.records import Column, TableRecords
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

PRODUCTS, GROUPS, WIDTH = 600, 100, 128
MEMBERS, POOL, TEST = 2_000, 4_000, 2_000
EPOCHS, BATCH, RATE, MOMENTUM, DECAY = 20, 64, 0.05, 0.9, 0.0005
TURNED = 0.3  # share of products turned over: hard enough that members and others differ


def made_up(seed: int = 0) -> tuple[TableRecords, TableRecords]:
    """Return the pool the models draw their members from, and test records."""
    rng = np.random.default_rng(seed)
    patterns = rng.random((GROUPS, PRODUCTS)) < 0.3
    labels = rng.integers(GROUPS, size=POOL + TEST)
    features = (patterns[labels] ^ (rng.random((POOL + TEST, PRODUCTS)) < TURNED)).astype(np.float32)
    column = Column("products", "numeric", 0, PRODUCTS)
    records = TableRecords(features, labels, "made up", tuple(map(str, range(GROUPS))), (column,))
    return records.take(np.arange(POOL)), records.take(np.arange(POOL, POOL + TEST))


def rows_of(models: int) -> np.ndarray:
    """Draw each model's members: (models, POOL) bool."""
    return np.stack([np.random.default_rng(k).permutation(POOL) < MEMBERS for k in range(models)])


def our_recipe() -> Recipe:
    """Return our recipe; the peers below repeat it."""
    model = {"_target_": "telltale.models.mlp.MLP", "widths": [WIDTH], "shape": (PRODUCTS,)}
    objective = {"_target_": "telltale.objectives.classification.Classification", "classes": GROUPS, "epochs": EPOCHS}
    objective |= {"batch_size": BATCH, "learning_rate": RATE, "momentum": MOMENTUM, "weight_decay": DECAY}
    objective |= {"schedule": "constant"}
    return Recipe(model, objective, TrainerOptions(accelerator="cpu"))


def fleet(models: int, pool: TableRecords, test: TableRecords, folder: Path) -> tuple[float, float]:
    """Train with `train_many`, store included: seconds a model, and mean test accuracy."""
    recipe, owner, rows, began = our_recipe(), Owner(Store(folder)), rows_of(models), time.perf_counter()
    releases = owner.train_many(recipe, pool, rows, list(range(models)))
    seconds = (time.perf_counter() - began) / models
    return seconds, _accuracy([_answers(release, test) for release in releases], test)


def lightning(models: int, pool: TableRecords, test: TableRecords, folder: Path) -> tuple[float, float]:
    """Train with one Lightning `Trainer.fit` a model, store included."""
    recipe, owner, rows, began = our_recipe(), Owner(Store(folder)), rows_of(models), time.perf_counter()
    releases = [owner.train(recipe, pool, np.flatnonzero(rows[k]), k) for k in range(models)]
    seconds = (time.perf_counter() - began) / models
    return seconds, _accuracy([_answers(release, test) for release in releases], test)


def plain_trainer(models: int, pool: TableRecords, test: TableRecords, folder: Path) -> tuple[float, float]:
    """Train with a Lightning `Trainer` a model as its manual has it, Subset and DataLoader feeding it."""
    from pytorch_lightning import LightningModule, Trainer

    class Plain(LightningModule):
        """A network, its loss and its optimiser."""

        def __init__(self) -> None:
            super().__init__()
            self.network, self.optimizer = _network_and_optimizer()

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            return cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return self.optimizer

    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    answers, began = [], time.perf_counter()
    for k, loader in enumerate(_loaders(models, pool)):
        torch.manual_seed(k)
        module = Plain()
        trainer = Trainer(
            accelerator="cpu", max_epochs=EPOCHS, enable_checkpointing=False, default_root_dir=folder, **quiet
        )
        trainer.fit(module, loader)
        answers.append(module.network)
    return (time.perf_counter() - began) / models, _accuracy_of(answers, test)


def loop(models: int, pool: TableRecords, test: TableRecords, _: Path) -> tuple[float, float]:
    """Train with a plain PyTorch loop a model, Subset and DataLoader feeding it."""
    answers, began = [], time.perf_counter()
    for k, loader in enumerate(_loaders(models, pool)):
        torch.manual_seed(k)
        network, optimizer = _network_and_optimizer()
        for _epoch in range(EPOCHS):
            for inputs, labels in loader:
                optimizer.zero_grad()
                cross_entropy(network(inputs), labels).backward()
                optimizer.step()
        answers.append(network)
    return (time.perf_counter() - began) / models, _accuracy_of(answers, test)


def art_shadow_models(models: int, pool: TableRecords, test: TableRecords, _: Path) -> tuple[float, float]:
    """Train with ART's ShadowModels: only its `fit` is timed, the predictions it also makes are not."""
    from art.attacks.inference.membership_inference import ShadowModels
    from art.estimators.classification import PyTorchClassifier

    spent: list[float] = []

    class Timed(PyTorchClassifier):
        """ShadowModels calls fit with ART's defaults; batch size and epochs are set here."""

        def fit(self, x: np.ndarray, y: np.ndarray, **_: Any) -> None:
            began = time.perf_counter()
            super().fit(x, y, batch_size=BATCH, nb_epochs=EPOCHS)
            spent.append(time.perf_counter() - began)

    torch.manual_seed(0)
    network, optimizer = _network_and_optimizer()
    template = Timed(network, nn.CrossEntropyLoss(), (PRODUCTS,), GROUPS, optimizer=optimizer, device_type="cpu")
    shadows = ShadowModels(template, models, random_state=0)
    shadows.generate_shadow_dataset(pool.features, pool.labels, member_ratio=MEMBERS / POOL)
    answers = [shadow.predict(test.features) for shadow in shadows.get_shadow_models()]
    return sum(spent) / models, _accuracy(answers, test)


Trained = Callable[[int, TableRecords, TableRecords, Path], tuple[float, float]]
PEERS: dict[str, Trained] = {
    "our recipe, one Lightning fit a model": lightning,
    "plain Lightning Trainer, Subset + DataLoader": plain_trainer,
    "plain PyTorch loop, Subset + DataLoader": loop,
    "ART ShadowModels": art_shadow_models,
}


def _network_and_optimizer() -> tuple[nn.Module, torch.optim.Optimizer]:
    network = nn.Sequential(nn.Linear(PRODUCTS, WIDTH), nn.ReLU(), nn.Linear(WIDTH, GROUPS))
    return network, torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)


def _loaders(models: int, pool: TableRecords) -> Iterator[DataLoader]:
    whole = TensorDataset(torch.from_numpy(pool.features), torch.from_numpy(pool.labels))
    for row in rows_of(models):
        yield DataLoader(Subset(whole, np.flatnonzero(row).tolist()), BATCH, shuffle=True)


@torch.no_grad()
def _accuracy_of(networks: list[nn.Module], test: TableRecords) -> float:
    return _accuracy([network(torch.from_numpy(test.features)).numpy() for network in networks], test)


def _answers(release: Release, test: TableRecords) -> np.ndarray:
    return release.probabilities(test)


def _accuracy(answers: list[np.ndarray], test: TableRecords) -> float:
    return float(np.mean([(one.argmax(1) == test.labels).mean() for one in answers]))
