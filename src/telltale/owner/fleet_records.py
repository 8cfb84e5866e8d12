"""The records of a fleet: a pool that all its models share, or what a backbone or a data stage makes of it for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from telltale.owner.order import Order
from telltale.owner.preparation import training_records
from telltale.progress import track
from telltale.training.batches import make_batch
from telltale.training.fleet.data import FleetData
from telltale.training.private.sampling import padded


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
        features = [parent.embeddings(self.pool)[order.rows] for parent, order in zip(parents, orders, strict=True)]
        labels, fingerprints = self.pool.labels, self.pool.fingerprints()
        of_models = [
            Tensors(torch.from_numpy(values), torch.from_numpy(labels[order.rows]), fingerprints[order.rows])
            for values, order in zip(features, orders, strict=True)
        ]
        return side_by_side(of_models, orders)


class Made(NamedTuple):
    """A pool of which each model's own data stages make other records."""

    pool: Any

    def tables(self, orders: Sequence[Order]) -> FleetData:
        """Return the data of a fleet, every model with records of its own: those of a single run, in their order."""
        of_models = []
        for order in track(orders, "making records"):
            records: Any = training_records(self.pool.take(np.sort(order.rows)), order.stages, order.seed)
            of_models.append(tensors_of(records, records.labels))
        return side_by_side(of_models, orders)


FleetRecords = Tensors | Features | Made


def side_by_side(of_models: Sequence[Tensors], orders: Sequence[Order]) -> FleetData:
    """Return the data of a fleet of which every model has records of its own."""
    lengths = [len(tensors.labels) for tensors in of_models]
    return FleetData(
        torch.cat([tensors.inputs for tensors in of_models]),
        torch.cat([tensors.labels for tensors in of_models]),
        np.concatenate([tensors.fingerprints for tensors in of_models]),
        padded(np.split(np.arange(sum(lengths)), np.cumsum(lengths)[:-1])),
        tuple(order.seed for order in orders),
    )


def tensors_of(pool: Any, targets: np.ndarray) -> Tensors:
    """Return the records of a pool as tensors; targets: (records, …), what each is to be answered with."""
    inputs = make_batch(pool.arrays(), np.arange(len(pool)))
    return Tensors(inputs, torch.from_numpy(np.ascontiguousarray(targets)), pool.fingerprints())
