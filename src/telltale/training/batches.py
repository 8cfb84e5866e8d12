"""From records to batches: global batches that do not depend on how many processes share them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.vocabulary import PAD
from telltale.data.images.records import ImageRecords
from telltale.data.molecules.batch import MoleculeBatch, to_batch
from telltale.data.molecules.graphs import MoleculeGraphs
from telltale.data.records import Records
from telltale.data.tables.records import TableRecords
from telltale.data.texts.records import PAD as TEXT_PAD
from telltale.data.texts.records import TextRecords
from telltale.training.counter_random import record_keys
from telltale.training.processes import world_size

KEPT = 40_000  # molecules whose batches are kept for the next models, of all sets together, some 3 kB each
_laid: OrderedDict[tuple[MoleculeGraphs, int], list[tuple[MoleculeBatch, np.ndarray]]] = OrderedDict()


@singledispatch
def make_batch(arrays: Any, rows: np.ndarray, keys: np.ndarray | None = None) -> Any:
    """Turn the records at `rows` of plain arrays into a model's input; each kind of data has its implementation."""
    raise TypeError(f"no batches are made from {type(arrays).__name__}")


@make_batch.register
def _(arrays: MoleculeGraphs, rows: np.ndarray, keys: np.ndarray | None = None) -> MoleculeBatch:
    return to_batch(arrays, keys, rows)


@make_batch.register
def _(arrays: ImageRecords, rows: np.ndarray, keys: np.ndarray | None = None) -> Tensor:
    return _pictures(arrays.pixels[rows])


@make_batch.register
def _(arrays: CaptionedImages, rows: np.ndarray, keys: np.ndarray | None = None) -> Tensor:
    return _pictures(arrays.images[rows])


def _pictures(pixels: np.ndarray) -> Tensor:
    pictures = torch.from_numpy(np.ascontiguousarray(pixels))
    return pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.float()


@make_batch.register
def _(arrays: TableRecords, rows: np.ndarray, keys: np.ndarray | None = None) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(arrays.features[rows], dtype=np.float32))


@make_batch.register
def _(arrays: TextRecords, rows: np.ndarray, keys: np.ndarray | None = None) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(arrays.tokens[rows]))


def query_batches(arrays: Any, records: int, size: int) -> Iterable[tuple[Any, np.ndarray]]:
    """Yield all records as batches with their rows; molecules are laid out once for all models asked.

    In order, but for texts: those of about one length are in a batch, so that few of its places hold no token.
    """
    if isinstance(arrays, MoleculeGraphs) and records <= KEPT:
        return _laid_out(arrays, size)
    rows = np.arange(records)
    if isinstance(arrays, TextRecords):
        rows = np.argsort((arrays.tokens != TEXT_PAD).sum(1), kind="stable")
    parts = (rows[start : start + size] for start in range(0, records, size))
    return ((make_batch(arrays, rows), rows) for rows in parts)


def _laid_out(graphs: MoleculeGraphs, size: int) -> list[tuple[MoleculeBatch, np.ndarray]]:
    """Keep what the same models are asked in turn: points and their views, a population, test records."""
    if (graphs, size) not in _laid:
        parts = np.array_split(np.arange(len(graphs)), -(-len(graphs) // size) if len(graphs) else 1)
        _laid[graphs, size] = [(to_batch(graphs, rows=rows), rows) for rows in parts]
        while sum(len(kept) for kept, _ in _laid) > KEPT:
            _laid.popitem(last=False)
    _laid.move_to_end((graphs, size))
    return _laid[graphs, size]


@dataclass(frozen=True)
class LabelledBatch:
    """One batch of a supervised objective.

    inputs: what the model takes; labels: (records,) int64, or (records, captions, length) numbers of words; keys:
    (records,) int64, one number a record and epoch, from which all its random augmentations derive.
    """

    inputs: Any
    labels: Tensor
    keys: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: Any, **kwargs: Any) -> LabelledBatch:
        """Move everything to a device."""
        return LabelledBatch(*(part.to(device, **kwargs) for part in (self.inputs, self.labels, self.keys)))


class RecordDataset(Dataset):
    """Serves (epoch, rows) as one batch whose random corruptions derive from (seed, epoch, record).

    innermost: lay pictures out with their channels innermost, as `channels_innermost` does.
    """

    def __init__(self, records: Records, seed: int, targets: np.ndarray | None = None, innermost: bool = False) -> None:
        self.arrays, self.fingerprints, self.seed = records.arrays(), records.fingerprints(), seed
        self.labels, self.innermost = targets, innermost

    def __getitem__(self, item: tuple[int, np.ndarray]) -> Any:
        epoch, rows = item
        keys = record_keys(self.fingerprints[rows], self.seed, epoch)
        inputs = make_batch(self.arrays, rows, keys)
        if self.innermost and isinstance(inputs, Tensor):
            inputs = channels_innermost(inputs)
        if self.labels is None:
            return inputs
        return LabelledBatch(inputs, trimmed(torch.from_numpy(self.labels[rows])), torch.from_numpy(keys))


def channels_innermost(inputs: Tensor) -> Tensor:
    """Lay pictures out with their channels innermost, which convolutions on CPUs are a fifth to a third faster at.

    (records, channels, height, width); anything else stays as it is.
    """
    if inputs.ndim != 4:
        return inputs
    _, channels, height, width = inputs.shape
    # torch leaves those of one channel as they are
    strides = (channels * height * width, 1, width * channels, channels)
    return inputs.permute(0, 2, 3, 1).contiguous().as_strided(inputs.shape, strides)


def trimmed(targets: Tensor, leading: int = 1) -> Tensor:
    """Cut off the last captions, and the last words of all, that no record has: (…, captions, length).

    leading: number of axes that count records. Classes, which have no others, stay.
    """
    words = targets != PAD
    for axis in range(leading, targets.ndim):
        used = words.movedim(axis, 0).flatten(1).any(1).nonzero()
        targets = targets.narrow(axis, 0, int(used.max()) + 1 if len(used) else 1)
    return targets


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


def training_loader(
    records: Records, batch_size: int, seed: int, targets: np.ndarray | None = None, innermost: bool = False
) -> DataLoader:
    """Return the loader of one fit; with targets (records, …), what each record's answer is to be, of LabelledBatch.

    innermost: lay pictures out with their channels innermost.
    """
    sampler = GlobalBatches(len(records), batch_size, seed)
    return DataLoader(RecordDataset(records, seed, targets, innermost), sampler=sampler, batch_size=None)


def evaluation_batches(
    records: Records, batch_size: int, seed: int = 0, targets: np.ndarray | None = None
) -> Iterator[Any]:
    """Yield all records in order, corruptions fixed by `seed`."""
    dataset = RecordDataset(records, seed, targets)
    for start in range(0, len(records), batch_size):
        yield dataset[0, np.arange(start, min(start + batch_size, len(records)))]
