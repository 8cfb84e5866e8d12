"""From records to batches: global batches that do not depend on how many processes share them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import numpy as np
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset, Sampler

from src.data.molecules.batch import MoleculeBatch, to_batch
from src.data.molecules.graphs import MoleculeGraphs
from src.data.records import Records
from src.training.counter_random import record_keys
from src.training.processes import world_size


@singledispatch
def make_batch(arrays: Any, rows: np.ndarray, keys: np.ndarray | None = None) -> Any:
    """Turn the records at `rows` of plain arrays into what a model is fed; one implementation a kind of data."""
    raise TypeError(f"no batches are made from {type(arrays).__name__}")


@make_batch.register
def _(arrays: MoleculeGraphs, rows: np.ndarray, keys: np.ndarray | None = None) -> MoleculeBatch:
    return to_batch(arrays.take(rows), keys)


class RecordDataset(Dataset):
    """Serves (epoch, rows) as one batch whose random corruptions derive from (seed, epoch, record)."""

    def __init__(self, records: Records, seed: int) -> None:
        self.arrays, self.fingerprints, self.seed = records.arrays(), records.fingerprints(), seed

    def __getitem__(self, item: tuple[int, np.ndarray]) -> Any:
        epoch, rows = item
        return make_batch(self.arrays, rows, record_keys(self.fingerprints[rows], self.seed, epoch))


class GlobalBatches(Sampler):
    """Shuffles with (seed, epoch), cuts into global batches of nearly equal size, yields this process's share."""

    def __init__(self, records: int, batch_size: int, seed: int) -> None:
        self.records, self.seed, self.epoch = records, seed, 0
        self.batches = max(1, round(records / batch_size))

    def __len__(self) -> int:
        return self.batches

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order; Lightning calls it, also after a resume."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.records)
        rank = dist.get_rank() if world_size() > 1 else 0
        for batch in np.array_split(order, self.batches):
            yield self.epoch, np.array_split(batch, world_size())[rank]


def training_loader(records: Records, batch_size: int, seed: int) -> DataLoader:
    """Return the loader of one fit."""
    sampler = GlobalBatches(len(records), batch_size, seed)
    return DataLoader(RecordDataset(records, seed), sampler=sampler, batch_size=None)


def evaluation_batches(records: Records, batch_size: int, seed: int = 0) -> Iterator[Any]:
    """Yield all records in order, corruptions fixed by `seed`."""
    dataset = RecordDataset(records, seed)
    for start in range(0, len(records), batch_size):
        yield dataset[0, np.arange(start, min(start + batch_size, len(records)))]
