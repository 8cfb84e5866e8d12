"""Fleets of molecule encoders, as an owner orders them: the rule, their records, and the fleet itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from telltale.data.molecules.graphs import MoleculeGraphs
from telltale.objectives.stacked import losses_of
from telltale.owner.order import Order
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.molecules import MoleculeFleet
from telltale.training.objective import Objective
from telltale.training.private.sampling import padded


class Graphs(NamedTuple):
    """A pool of molecules, which all chunks share; labels: (molecules,) of classes, None where none are learned."""

    graphs: MoleculeGraphs
    labels: np.ndarray | None
    fingerprints: np.ndarray

    @classmethod
    def of(cls, pool: Any, targets: np.ndarray | None) -> Graphs:
        """Take the graphs of a pool."""
        return cls(pool.arrays(), targets, pool.fingerprints())

    def tables(self, orders: Sequence[Order]) -> FleetData:
        """Return the data of a fleet of models with equally many molecules."""
        labels: Any = None if self.labels is None else torch.from_numpy(np.ascontiguousarray(self.labels))
        inputs: Any = self.graphs
        rows, seeds = [order.rows for order in orders], tuple(order.seed for order in orders)
        return FleetData(inputs, labels, self.fingerprints, padded(rows), seeds)


def molecules_stack(objective: Objective) -> bool:
    """Say whether many such models of molecules can take a step together."""
    return objective.model.accepts == "molecules" and losses_of(objective) is not None


def molecule_fleet(objectives: Sequence[Objective], data: FleetData) -> MoleculeFleet:
    """Make a fleet of models that `molecules_stack` says can be one."""
    losses = losses_of(objectives[0])
    assert losses is not None
    return MoleculeFleet(objectives, data, losses)
