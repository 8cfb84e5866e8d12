"""The records of a fleet: a pool that all its models share, or features that each model's own backbone makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from src.training.batches import make_batch
from src.training.fleet import FleetData
from src.training.private.sampling import padded

if TYPE_CHECKING:
    from src.training.many import Order


class Tensors(NamedTuple):
    """A pool as tensors, which all chunks share: inputs, labels and fingerprints as in FleetData."""

    inputs: torch.Tensor
    labels: torch.Tensor
    fingerprints: np.ndarray

    def tables(self, orders: Sequence[Order]) -> FleetData:
        """Return the data of a fleet; a table has one length, and fewer records than others have are filled up."""
        return FleetData(*self, padded([order.rows for order in orders]), tuple(order.seed for order in orders))


class Features(NamedTuple):
    """A pool as each model's pre-trained backbone sees it: a fleet of heads takes these features as its records."""

    pool: Any

    def tables(self, orders: Sequence[Order]) -> FleetData:
        """Return the data of a fleet, every model with records of its own; the store keeps a parent's features."""
        parents = [order.parent for order in orders if order.parent is not None]
        features = [one.embeddings(self.pool)[order.rows] for one, order in zip(parents, orders, strict=True)]
        rows = np.concatenate([order.rows for order in orders])
        return FleetData(
            torch.from_numpy(np.concatenate(features)),
            torch.from_numpy(np.ascontiguousarray(self.pool.labels[rows])),
            self.pool.fingerprints()[rows],
            padded(np.split(np.arange(len(rows)), np.cumsum([len(order.rows) for order in orders])[:-1])),
            tuple(order.seed for order in orders),
        )


def tensors_of(pool: Any, targets: np.ndarray) -> Tensors:
    """Return the records of a pool as tensors; targets: (records, …), what each is to be answered with."""
    inputs = make_batch(pool.arrays(), np.arange(len(pool)))
    return Tensors(inputs, torch.from_numpy(np.ascontiguousarray(targets)), pool.fingerprints())
