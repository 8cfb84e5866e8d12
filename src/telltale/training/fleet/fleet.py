"""A fleet: many models of one recipe, each on its own records, trained in one step of one module.

Parameters and buffers are stacked along a leading axis, (models, …); each model has its own table of record
indices, its own order in each epoch and its own initial weights. A model's step sees its own records only, so
BatchNorm statistics are those of a single run. Seeds and orders equal those of single runs, and so do the weights
up to rounding; dropout masks do not.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils.data import DataLoader, Dataset, Sampler

from telltale.errors import InputError
from telltale.training.batches import LabelledBatch, trimmed
from telltale.training.counter_random import keys_from, padded_words, salt_of
from telltale.training.fleet.data import FleetData, batches_of, order_of
from telltale.training.objective import Objective, optimizer_and_schedule
from telltale.training.validation import Part, as_measured, portions, validation_split

WAYS = ("stacked", "one_by_one")


class Fleet(nn.Module):
    """Trains all objectives together; afterwards `state_of(k)` is the state of model k alone.

    way: "stacked" runs all models in one vmapped step; "one_by_one" runs them in turn inside the step, which
    some layers (convolutions on CPUs) are faster at. Both give each model the same gradient.
    """

    in_phases = False  # what is stacked has a gradient in every epoch

    def __init__(self, objectives: Sequence[Objective], data: FleetData, way: str = "stacked") -> None:
        super().__init__()
        first = objectives[0]
        self.epochs, self.batch_size, self.models, self.way = first.epochs, first.batch_size, len(objectives), way
        self.validation_share, self.validates = first.validation_share, first.validates
        self.shared_validation = first.validation_part() if first.validation_records is not None else None
        self.private = first.private.together() if first.private else None
        parameters, buffers = stack_module_state(list(objectives))
        self.parameter_names, self.buffer_names = list(parameters), list(buffers)
        # weights of linear layers are kept turned, (models, in, out): so a batched product hands over their gradient
        turned = _matrices(first) if way == "stacked" and not self.private else set()
        self.turned = [name in turned for name in parameters]
        self.stacked = nn.ParameterList(
            nn.Parameter(
                (parameter.mT if turned else parameter).detach().clone(memory_format=torch.contiguous_format),
                requires_grad=parameter.requires_grad,
            )
            for parameter, turned in zip(parameters.values(), self.turned, strict=True)
        )
        for place, buffer in enumerate(buffers.values()):
            self.register_buffer(f"buffer_{place}", buffer.detach().clone())
        # a skeleton without storage, hidden from Lightning: functional_call gives it one model's weights at a time
        self._skeleton = [copy.deepcopy(first).to("meta")]
        self._skeleton[0].loss_code = first.loss_code
        self.data = data

    @property
    def device(self) -> torch.device:
        """Say where the parameters are."""
        return self.stacked[0].device

    def at_epoch(self, epoch: int) -> None:
        """Tell the objective which epoch the next step belongs to."""
        self._skeleton[0].at_epoch(epoch)

    def begin_fit(self) -> None:
        """Bring the records to the device once."""
        self.open_records()

    def open_records(self) -> None:
        """Make ready for training steps."""
        self.inputs, self.labels = self.data.inputs.to(self.device), self.data.labels.to(self.device)
        self._skeleton[0].train()

    def end_fit(self) -> None:
        """Let the records go."""
        del self.inputs, self.labels

    def training_step(self, batch: Any, batch_index: int) -> Tensor:
        """Add up the losses of all models: rows, keys (models, batch) -> scalar."""
        if self.private:
            return self.private.loss(self, batch)
        return self.losses(*self.gathered(*batch)).sum()

    def first_batch(self) -> tuple[Tensor, ...]:
        """Open the records for training steps without a fit, a rehearsal, and return each model's first batch."""
        self.open_records()
        places = torch.from_numpy(self.data.tables[:, : self.batch_size]).to(self.device)
        rows = places.clamp_min(0)  # a shorter table is filled up with -1
        batch = (rows, torch.zeros_like(rows))
        return (*batch, places >= 0) if self.private else batch

    def gathered(self, rows: Tensor, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Look the records up: inputs (models, batch, *shape), labels (models, batch, …), and keys."""
        shape = (*rows.shape, *self.inputs.shape[1:])
        inputs = self.inputs.index_select(0, rows.flatten()).view(shape)
        labels = self.labels.index_select(0, rows.flatten()).view(*rows.shape, *self.labels.shape[1:])
        return inputs, trimmed(labels, rows.ndim), keys

    def hold_out(self, loader: DataLoader) -> DataLoader:
        """Keep a share of each model's own records for `validation_losses`; return a loader of the others.

        Each model's seed decides which, as in a single run; where there are others to validate on, none is kept.
        """
        if self.shared_validation is not None:
            return loader
        if not self.validation_share:
            raise InputError("defense.validate_on", "public", "own: there are no public records to validate on")
        tables = self.data.tables
        splits = [validation_split(tables.shape[1], self.validation_share, seed) for seed in self.data.seeds]
        trained, validated = (
            replace(self.data, tables=np.stack([table[part[k]] for table, part in zip(tables, splits, strict=True)]))
            for k in (0, 1)
        )
        self.held_out = _Tables(validated)
        return fleet_loader(trained, self.batch_size)

    def validation_losses(self) -> Tensor:
        """Average each model's loss over its own records held out, or over those that all validate on: (models,)."""
        if self.shared_validation is not None:
            return self._shared_validation_losses(self.shared_validation)
        number = self.held_out.tables.shape[1]
        means = torch.zeros(self.models, device=self.device)
        with as_measured(self._skeleton[0]):
            for places in portions(number, self.batch_size):
                rows, keys = self.held_out[0, np.tile(places, (self.models, 1))]
                losses = self.losses(*self.gathered(rows.to(self.device), keys.to(self.device)))
                means += losses * (len(places) / number)
        return means

    def _shared_validation_losses(self, part: Part) -> Tensor:
        number, means = len(part.places), torch.zeros(self.models, device=self.device)
        with as_measured(self._skeleton[0]):
            for places in portions(number, self.batch_size):
                batch = part[0, places].to(self.device)
                tensors = (batch.inputs, batch.labels, batch.keys)
                of_each = [tensor.expand(self.models, *tensor.shape) for tensor in tensors]
                means += self.losses(*of_each) * (len(places) / number)
        return means

    def losses(self, inputs: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Compute each model's loss on its own batch: (models,)."""
        parameters = self._upright()
        buffers = [getattr(self, f"buffer_{place}") for place in range(len(self.buffer_names))]
        if self.way == "stacked":
            return vmap(self._loss, randomness="different")(parameters, buffers, inputs, labels, keys)
        by_model = [tensor.unbind(0) for tensor in parameters]  # one stack in the backward pass, not one a model
        buffers_by_model = [tensor.unbind(0) for tensor in buffers]
        losses = []
        for k in range(self.models):
            state = [views[k] for views in by_model], [views[k] for views in buffers_by_model]
            losses.append(self._loss(*state, inputs[k], labels[k], keys[k]))
        return torch.stack(losses)

    def _loss(
        self, parameters: list[Tensor], buffers: list[Tensor], inputs: Tensor, labels: Tensor, keys: Tensor
    ) -> Tensor:
        state = dict(zip(self.parameter_names, parameters, strict=True))
        state |= dict(zip(self.buffer_names, buffers, strict=True))
        return functional_call(self._skeleton[0], state, (LabelledBatch(inputs, labels, keys),))

    def _upright(self) -> list[Tensor]:
        pairs = zip(self.stacked, self.turned, strict=True)
        return [parameter.mT if turned else parameter for parameter, turned in pairs]

    def configure_optimizers(self) -> Any:
        """Use the objective's optimiser on the stacked parameters: its arithmetic is elementwise."""
        return optimizer_and_schedule(self._skeleton[0], self.stacked)

    def optimizer_alone(self) -> torch.optim.Optimizer:
        """Build the optimiser without its schedule: for a rehearsal."""
        return self._skeleton[0].optimizer_over([parameter for parameter in self.stacked if parameter.requires_grad])

    @property
    def skeleton(self) -> Objective:
        """Return the objective without storage that computes with one model's state."""
        return self._skeleton[0]

    def buffer(self, name: str) -> Tensor:
        """Return a buffer of all models by its name in the objective: (models, *shape)."""
        stacked: Tensor = getattr(self, f"buffer_{self.buffer_names.index(name)}")
        return stacked

    def state(self) -> dict[str, Tensor]:
        """Return the parameters and buffers of all models by the names of their objective: (models, *shape) each."""
        parameters = zip(self.parameter_names, (parameter.detach() for parameter in self._upright()), strict=True)
        return {**dict(parameters), **{name: self.buffer(name) for name in self.buffer_names}}

    def state_of(self, model: int) -> dict[str, Tensor]:
        """Return one model's parameters and buffers by the names of its objective, but for those that are not kept."""
        kept = self.skeleton.state_dict()
        return {
            name: tensor[model].cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in self.state().items()
            if name in kept
        }

    def loader(self) -> DataLoader:
        """Serve each model its own records in its own order."""
        return fleet_loader(self.data, self.batch_size)


def fleet_loader(data: FleetData, batch_size: int) -> DataLoader:
    """Serve each model the records of its table, in its own order."""
    return DataLoader(_Tables(data), sampler=_Batches(data, batch_size), batch_size=None)


def _matrices(objective: nn.Module) -> set[str]:
    """Name the weights of linear layers."""
    return {f"{name}.weight" for name, module in objective.named_modules() if isinstance(module, nn.Linear)}


class _Tables(Dataset):
    """Serves (epoch, places (models, batch)) as record indices and keys."""

    def __init__(self, data: FleetData) -> None:
        self.tables, self.seeds = data.tables, data.seeds
        self.words = padded_words(data.fingerprints)
        self.epoch, self.salts = -1, np.empty(0, np.uint64)

    def __getitem__(self, item: tuple[int, np.ndarray]) -> tuple[Tensor, Tensor]:
        epoch, places = item
        rows = np.take_along_axis(self.tables, places, axis=1)
        if epoch != self.epoch:
            self.epoch, self.salts = epoch, np.array([[salt_of(seed, epoch)] for seed in self.seeds], np.uint64)
        return torch.from_numpy(rows), torch.from_numpy(keys_from(self.words[rows], self.salts))


class _Batches(Sampler):
    """GlobalBatches of every model side by side: the same order and cuts as single runs."""

    def __init__(self, data: FleetData, batch_size: int) -> None:
        self.records, self.seeds, self.epoch = data.tables.shape[1], data.seeds, 0
        self.batches = batches_of(self.records, batch_size)

    def __len__(self) -> int:
        return self.batches

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        orders = [order_of(seed, self.epoch, self.records) for seed in self.seeds]
        for places in np.array_split(np.stack(orders), self.batches, axis=1):
            yield self.epoch, places
