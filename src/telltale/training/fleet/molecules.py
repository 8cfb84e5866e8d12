"""A fleet of molecule encoders: many models, each on its own molecules, in one step of batched products.

As in `Fleet`, seeds and orders are those of single runs, and so are the weights up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from telltale.training.fleet.data import FleetData
from telltale.training.fleet.encoders import State
from telltale.training.fleet.fleet import Fleet, fleet_loader
from telltale.training.fleet.graphs import ROUND, Graphs, Layout
from telltale.training.objective import Objective


class Losses(Protocol):
    """What the models of a fleet train for."""

    def __call__(self, state: State, layout: Layout, labels: Tensor | None) -> Tensor:
        """Return each model's loss on its own batch, whose labels are (models, batch) or None: (models,)."""
        ...


class MoleculeFleet(Fleet):
    """Trains all objectives together, as `Fleet` does.

    data    its inputs are MoleculeGraphs
    losses  of all models from their state
    """

    def __init__(self, objectives: Sequence[Objective], data: FleetData, losses: Losses) -> None:
        super().__init__(objectives, data, "stacked")
        self.losses_of = losses
        self.batches = _Molecules(data)

    def open_records(self) -> None:
        """Lay all molecules out on the device."""
        graphs: Any = self.data.inputs
        self.graphs = Graphs.of(graphs).to(self.stacked[0])
        self.labels = None if self.data.labels is None else self.data.labels.to(self.device)
        self._skeleton[0].train()

    def end_fit(self) -> None:
        """Let the molecules go."""
        del self.graphs, self.labels

    def training_step(self, batch: Any, batch_index: int) -> Tensor:
        """Add up the losses of all models: rows (models, batch), slots of a model, fewest atoms of one -> scalar."""
        rows, slots, fewest = batch
        layout = self.graphs.laid_out(rows, slots, fewest)
        stacked = dict(zip(self.parameter_names, self.stacked, strict=True))  # linear weights lie (models, in, out)
        buffers = {name: self.buffer(name) for name in self.buffer_names}
        labels = None if self.labels is None else self.labels[rows]
        return self.losses_of({**stacked, **buffers}, layout, labels).sum()

    def first_batch(self) -> tuple[Any, ...]:
        """Open the records for training steps without a fit, a rehearsal, and return each model's first batch."""
        self.open_records()
        places = np.arange(min(self.batch_size, self.data.tables.shape[1]))
        rows, slots, fewest = self.batches[0, np.tile(places, (self.models, 1))]
        return rows.to(self.device), slots, fewest

    def loader(self) -> DataLoader:
        """Serve each model its own molecules in its own order."""
        sampler: Any = fleet_loader(self.data, self.batch_size).sampler
        return DataLoader(self.batches, sampler=sampler, batch_size=None)


class _Molecules(Dataset):
    """Serves (epoch, places (models, batch)) as rows of the pool, slots that a model needs, and the fewest atoms."""

    def __init__(self, data: FleetData) -> None:
        graphs: Any = data.inputs
        self.tables, self.sizes = data.tables, np.diff(graphs.atom_offsets)

    def __getitem__(self, item: tuple[int, np.ndarray]) -> tuple[Tensor, int, int]:
        rows = np.take_along_axis(self.tables, item[1], axis=1)
        atoms = self.sizes[rows].sum(1)
        return torch.from_numpy(rows), (int(atoms.max()) // ROUND + 1) * ROUND, int(atoms.min())
