"""Gradient mode `one_by_one`: a backward pass a record. It is slow, and all other modes are held to it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from telltale.data.molecules.batch import MoleculeBatch
from telltale.training.batches import LabelledBatch
from telltale.training.private.problem import Clipped, Problem, State, clip_factors, total_of


def one_by_one(
    problem: Problem, state: State, batch: LabelledBatch, clip: float, taken: Tensor | None = None
) -> Clipped:
    """Clip and add up the gradients of a batch's records, computed one after the other."""
    losses, sums = [], {name: torch.zeros_like(state[name]) for name in problem.trained}
    for place, record in enumerate(each_alone(batch)):
        loss, gradients = gradient_of(problem, state, record)
        squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
        factor = clip_factors(squares[None], clip, None if taken is None else taken[place : place + 1])
        for total, gradient in zip(sums.values(), gradients, strict=True):
            total.add_(gradient * factor)
        losses.append(loss)
    return Clipped(total_of(torch.stack(losses), taken), sums)


def gradient_of(problem: Problem, state: State, batch: LabelledBatch) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the loss of a batch of one record, and its gradient in each trained parameter."""
    trained, rest = problem.split(state)
    with torch.enable_grad():
        leaves = {name: parameter.detach().requires_grad_() for name, parameter in trained.items()}
        loss = problem.losses({**leaves, **rest}, batch)[0]
        gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    pairs = zip(gradients, leaves.values(), strict=True)
    return loss.detach(), tuple(torch.zeros_like(leaf) if gradient is None else gradient for gradient, leaf in pairs)


def each_alone(batch: LabelledBatch) -> Iterator[LabelledBatch]:
    """Yield every record as a batch of its own."""
    return (between(batch, place, place + 1) for place in range(len(batch)))


def between(batch: LabelledBatch, start: int, stop: int) -> LabelledBatch:
    """Return some records of a batch."""
    chosen, inputs = slice(start, stop), batch.inputs
    inputs = _molecules(inputs, start, stop) if isinstance(inputs, MoleculeBatch) else inputs[chosen]
    return LabelledBatch(inputs, batch.labels[chosen], batch.keys[chosen])


def doubled(batch: LabelledBatch) -> LabelledBatch:
    """Return a batch in double precision; whole numbers stay whole."""
    whole = isinstance(batch.inputs, MoleculeBatch) or not batch.inputs.is_floating_point()
    return LabelledBatch(batch.inputs if whole else batch.inputs.double(), batch.labels, batch.keys)


def _molecules(batch: MoleculeBatch, start: int, stop: int) -> MoleculeBatch:
    atoms = (batch.molecule_of >= start) & (batch.molecule_of < stop)
    bonds = atoms[batch.ends[0]]
    first = batch.first_atom[start:stop]
    return MoleculeBatch(
        batch.atoms[atoms],
        batch.bonds[bonds],
        batch.ends[:, bonds] - first[0],
        batch.molecule_of[atoms] - start,
        first - first[0],
        batch.keys[start:stop],
    )
