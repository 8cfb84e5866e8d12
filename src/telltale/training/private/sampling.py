"""Poisson sampling: each record enters each step by a coin of its own, as the accountant assumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from telltale.data.seeds import generator


def poisson_samples(records: int, rate: float, steps: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Draw an epoch's samples, a function of (seed, epoch): for each step the places of its records, in order."""
    rng = generator(seed, "Poisson sampling", epoch)
    for _ in range(steps):
        yield np.flatnonzero(rng.random(records) < rate)


class PoissonBatches(Sampler):
    """Samples of `records` records: yields (epoch, places), of any number from 0."""

    def __init__(self, records: int, rate: float, steps: int, seed: int) -> None:
        self.records, self.rate, self.steps, self.seed, self.epoch = records, rate, steps, seed, 0

    def __len__(self) -> int:
        return self.steps

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's samples; Lightning calls it, also after a resume."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        for places in poisson_samples(self.records, self.rate, self.steps, self.seed, self.epoch):
            yield self.epoch, places


class PoissonFleetBatches(PoissonBatches):
    """PoissonBatches of every model side by side: yields (epoch, places (models, largest sample)), -1 where none is."""

    def __init__(self, numbers: Sequence[int], rate: float, steps: int, seeds: Sequence[int]) -> None:
        super().__init__(max(numbers), rate, steps, 0)
        self.numbers, self.seeds = numbers, seeds

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        samples = (
            poisson_samples(number, self.rate, self.steps, seed, self.epoch)
            for number, seed in zip(self.numbers, self.seeds, strict=True)
        )
        for step in zip(*samples, strict=True):
            yield self.epoch, padded(step)


def padded(samples: Sequence[np.ndarray]) -> np.ndarray:
    """Stack samples of different sizes: (models, at least 1), filled up with -1 and never cut."""
    places = np.full((len(samples), max(1, *map(len, samples))), -1)
    for row, sample in zip(places, samples, strict=True):
        row[: len(sample)] = sample
    return places


class Padded(Dataset):
    """Serves what a fleet's dataset serves, and which of it are records at all: (models, batch) bool."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, item: tuple[int, np.ndarray]) -> tuple[Tensor, ...]:
        epoch, places = item
        return *self.dataset[epoch, places.clip(0)], torch.from_numpy(places >= 0)


def loader_over(dataset: Dataset, batches: Sampler) -> DataLoader:
    """Return the loader of one fit."""
    return DataLoader(dataset, sampler=batches, batch_size=None)
