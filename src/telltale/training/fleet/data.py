"""The records of a fleet's models, and the order in which each model sees its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class FleetData:
    """Records of all models of a fleet.

    inputs        (records, *shape) float32, or int64 tokens, shared by the models
    labels        (records,), or (records, captions, length) words, shared by the models
    fingerprints  (records,) S16
    tables        (models, n) rows of each model's records, in the order a single run would give them; filled up
                  with -1 where a private model has fewer than another
    seeds         one a model
    """

    inputs: Tensor
    labels: Tensor
    fingerprints: np.ndarray
    tables: np.ndarray
    seeds: tuple[int, ...]

    @property
    def numbers(self) -> np.ndarray:
        """Count each model's records: (models,)."""
        return (self.tables >= 0).sum(1)

    def part(self, models: Sequence[int]) -> FleetData:
        """Return the data of some of the models."""
        kept = list(models)
        seeds = tuple(self.seeds[model] for model in kept)
        return FleetData(self.inputs, self.labels, self.fingerprints, self.tables[kept], seeds)


def order_of(seed: int, epoch: int, records: int) -> np.ndarray:
    """Draw the order in which a model sees its records in an epoch: the same as in a single run."""
    return np.random.default_rng([seed, epoch]).permutation(records)


def batches_of(records: int, batch_size: int) -> int:
    """Count the batches of an epoch, of nearly equal length."""
    return max(1, round(records / batch_size))
