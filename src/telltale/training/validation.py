"""Validation on records that a model's owner holds back from training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.training.batches import GlobalBatches


def validation_split(records: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Deal a model's own records out by its seed: places to train on, places to validate on, both in order.

    Raises InputError where one of the two would be empty.
    """
    held_out = max(1, round(share * records))
    if held_out >= records:
        raise InputError("defense.share", share, f"a share that leaves some of {records:,} records to train on")
    validated = np.zeros(records, bool)
    validated[generator(seed, "validation").choice(records, held_out, replace=False)] = True
    return np.flatnonzero(~validated), np.flatnonzero(validated)


def portions(records: int, batch_size: int) -> list[np.ndarray]:
    """Cut 0 … records - 1 into runs of at most `batch_size`, of nearly equal length."""
    return np.array_split(np.arange(records), -(-records // batch_size))


class Part(Dataset):
    """Some of a dataset's records: serves (epoch, rows), rows counted among `places`."""

    def __init__(self, dataset: Any, places: np.ndarray) -> None:
        self.dataset, self.places = dataset, places

    def __getitem__(self, item: tuple[int, np.ndarray]) -> Any:
        epoch, rows = item
        return self.dataset[epoch, self.places[rows]]


def loader_of(part: Part, batch_size: int, seed: int) -> DataLoader:
    """Return a loader as `training_loader` makes it, of the records of a part."""
    return DataLoader(part, sampler=GlobalBatches(len(part.places), batch_size, seed), batch_size=None)


@contextmanager
def as_measured(objective: Any) -> Iterator[None]:
    """Evaluate an objective's own loss inside: no gradient, no dropout, nothing that loss code makes of it."""
    code, training = objective.loss_code, objective.training
    objective.loss_code = ()
    objective.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        objective.loss_code = code
        objective.train(training)
