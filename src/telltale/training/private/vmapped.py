"""Gradient mode `vmap`: the gradient of one record's loss, vectorised over the records of a batch by torch.func."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from telltale.data.molecules.batch import MoleculeBatch
from telltale.training.batches import LabelledBatch
from telltale.training.private.problem import Clipped, Problem, State, clip_factors, total_of


def vmapped(problem: Problem, state: State, batch: LabelledBatch, clip: float, taken: Tensor | None = None) -> Clipped:
    """Clip and add up the gradients of a batch's records; memory: records x parameters."""
    trained, rest = problem.split(state)
    tensors, alone = spread(batch)

    def loss(trained: State, *tensors_of_record: Tensor) -> Tensor:
        return problem.losses({**trained, **rest}, alone(*tensors_of_record))[0]

    each, losses = vmap(grad_and_value(loss), in_dims=(None, *[0] * len(tensors)), randomness="different")(
        trained, *tensors
    )
    squares = sum(gradients.flatten(1).square().sum(1) for gradients in each.values())
    factors = clip_factors(torch.as_tensor(squares), clip, taken)
    sums = {name: (factors @ gradients.flatten(1)).view(gradients.shape[1:]) for name, gradients in each.items()}
    return Clipped(total_of(losses, taken), sums)


def spread(batch: LabelledBatch) -> tuple[tuple[Tensor, ...], Callable[..., LabelledBatch]]:
    """Return a batch as tensors with the records along their first axis, and what makes a batch of one record again."""
    if isinstance(batch.inputs, MoleculeBatch):
        return _spread_graphs(batch)

    def alone(inputs: Tensor, labels: Tensor, keys: Tensor) -> LabelledBatch:
        return LabelledBatch(inputs[None], labels[None], keys[None])

    return (batch.inputs, batch.labels, batch.keys), alone


def _spread_graphs(batch: LabelledBatch) -> tuple[tuple[Tensor, ...], Callable[..., LabelledBatch]]:
    """Fill every molecule up to one number of atoms and bonds, which belong to a second molecule of padding.

    No message passes between the two, so the first one's loss is its loss alone.
    """
    graphs: MoleculeBatch = batch.inputs
    owner = graphs.molecule_of[graphs.ends[0]]
    atoms, which = _padded(graphs.atoms, graphs.molecule_of, len(graphs), 1)
    bonds, _ = _padded(graphs.bonds, owner, len(graphs), 0)
    last = atoms.shape[1] - 1  # an atom of padding in every molecule
    ends, _ = _padded((graphs.ends - graphs.first_atom[owner]).T, owner, len(graphs), 0, last)

    def alone(atoms: Tensor, which: Tensor, bonds: Tensor, ends: Tensor, *labels_and_keys: Tensor) -> LabelledBatch:
        labels, keys = (values.expand(2) for values in labels_and_keys)
        first = torch.stack([torch.zeros_like(which[0]), (which == 0).sum()])
        return LabelledBatch(MoleculeBatch(atoms, bonds, ends.T, which, first, keys), labels, keys)

    return (atoms, which, bonds, ends, batch.labels, batch.keys), alone


def _padded(values: Tensor, owner: Tensor, owners: int, extra: int, fill: int = 0) -> tuple[Tensor, Tensor]:
    """Lay rows out by owner, their order kept: (rows, *shape) -> (owners, most + extra, *shape), and 1 where filled."""
    counts = torch.bincount(owner, minlength=owners)
    place = torch.arange(len(owner), device=owner.device) - (counts.cumsum(0) - counts)[owner]
    most = int(counts.max()) + extra
    laid = values.new_full((owners, most, *values.shape[1:]), fill)
    laid[owner, place] = values
    filled = (torch.arange(most, device=owner.device) >= counts[:, None]).long()
    return laid, filled
