"""Molecules of a fleet's models on their device: looked up by index in a step, nothing done a molecule at a time.

Each model's atoms fill `slots` rows; the rows after its last atom are nobody's, and so is the last row of all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from telltale.data.molecules.alike import KINDS, LOOP
from telltale.data.molecules.graphs import BOND_DIRECTIONS, MoleculeGraphs

NONE = -(2**30)  # in place of a neighbour that an atom does not have
ROUND = 32  # slots of a model are a multiple of it: products are faster so, and memory is found again


@dataclass(frozen=True)
class Graphs:
    """All molecules of a pool, an atom more than there are: it is nobody's, and has no neighbours.

    pairs       (P, 2) elements with chirality that occur
    kinds       (atoms + 1, P + KINDS) float32, which of them an atom is, and how many of its bonds are of each kind
    neighbours  (atoms + 1, most) how far each neighbour's place is from the atom's own, its loop among them, or NONE
    bonds       (atoms + 1, most) of which kind the bond to it is
    reverse     (atoms + 1, most) the atom's place among its neighbour's neighbours
    degrees     (atoms + 1,) float32, neighbours; 1 where there are none
    first       (molecules,) first atom of each; sizes: how many atoms it has
    """

    pairs: Tensor
    kinds: Tensor
    neighbours: Tensor
    bonds: Tensor
    reverse: Tensor
    degrees: Tensor
    first: Tensor
    sizes: Tensor

    @classmethod
    def of(cls, graphs: MoleculeGraphs) -> Self:
        """Lay a pool out."""
        atoms, sizes = len(graphs.atoms), np.diff(graphs.atom_offsets)
        first = graphs.atom_offsets[:-1]
        ends = graphs.bond_ends.astype(np.int64) + np.repeat(first, np.diff(graphs.bond_offsets))
        kind = graphs.bonds[:, 0].astype(np.int64) * BOND_DIRECTIONS + graphs.bonds[:, 1]
        every = np.arange(atoms)
        source, target = np.append(ends[0], every), np.append(ends[1], every)
        kind = np.append(kind, np.full(atoms, LOOP))
        order = np.lexsort((source, target))
        source, target, kind = source[order], target[order], kind[order]
        counts = np.bincount(target, minlength=atoms)
        column = np.arange(len(target)) - np.repeat(np.cumsum(counts) - counts, counts)
        tables = [np.full((atoms + 1, counts.max(initial=1)), fill) for fill in (NONE, 0, 0)]
        # bonds come in both directions: those sorted by source and target are, in turn, each other's reverse
        for table, values in zip(tables, (source - target, kind, column[np.lexsort((target, source))]), strict=True):
            table[target, column] = values
        pairs, which = np.unique(graphs.atoms.astype(np.int64), axis=0, return_inverse=True)
        kinds = np.zeros((atoms + 1, len(pairs) + KINDS), np.float32)
        kinds[every, which.reshape(-1)] = 1
        np.add.at(kinds, (target, len(pairs) + kind), 1)
        arrays = (pairs, kinds, *tables, np.append(counts, 1).astype(np.float32), first, sizes)
        return cls(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))

    def to(self, like: Tensor) -> Self:
        """Move everything to a tensor's device, and what is no whole number to its kind."""
        tensors = (getattr(self, field.name) for field in fields(self))
        return type(self)(*(tensor.to(like if tensor.is_floating_point() else like.device) for tensor in tensors))

    def laid_out(self, rows: Tensor, slots: int, fewest: int) -> Layout:
        """Lay the batches of all models out, rows (models, batch); slots: of each, more than its atoms are.

        fewest: atoms of the model that has the fewest; 2 is as good as any more.
        """
        models, batch = rows.shape
        sizes = self.sizes[rows]
        atoms = sizes.sum(1, keepdim=True)
        spread = torch.cat([sizes, slots - atoms], 1).flatten()  # behind a model's molecules: what is nobody's
        begin = spread.cumsum(0) - spread
        every = torch.arange(len(spread), device=rows.device)
        molecule = torch.repeat_interleave(every, spread, output_size=models * slots)
        slot = torch.arange(models * slots, device=rows.device)
        places = self.first.new_full((models, batch + 1), len(self.kinds) - 1)
        places[:, :batch] = self.first[rows]
        nobody = molecule % (batch + 1) == batch
        atom = torch.where(nobody, len(self.kinds) - 1, (places.flatten() - begin)[molecule] + slot)
        away = self.neighbours[atom]
        return Layout(
            graphs=self,
            atom=atom,
            kinds=self.kinds[atom].view(models, slots, -1),
            neighbours=torch.where(away == NONE, models * slots - 1, away + slot[:, None]),
            molecule=molecule.view(models, slots),
            begin=begin,
            real=(~nobody).to(self.kinds.dtype).view(models, slots, 1),
            atoms=atoms.to(self.kinds.dtype)[..., None],
            sizes=sizes,
            few=fewest < 2,
        )


@dataclass(frozen=True)
class Layout:
    """Batches of some models, each model's atoms in its slots.

    atom        (models · slots,) of the pool, the last where it is nobody's
    kinds       (models, slots, P + KINDS) as in Graphs
    neighbours  (models · slots, most) slot of each neighbour; the last of all where there is none
    molecule    (models, slots) which one, counted through all models, each with one more that is nobody's
    begin       (models · (batch + 1),) first slot of each of these
    real        (models, slots, 1) 1 where an atom is, else 0
    atoms       (models, 1, 1) how many each model has
    sizes       (models, batch) atoms of each molecule
    few         whether a model has less than two atoms
    """

    graphs: Graphs
    atom: Tensor
    kinds: Tensor
    neighbours: Tensor
    molecule: Tensor
    begin: Tensor
    real: Tensor
    atoms: Tensor
    sizes: Tensor
    few: bool

    def sums(self, states: Tensor, weights: Tensor | None = None, back: Tensor | None = None) -> Tensor:
        """Sum neighbours' states: (models, slots, width) -> the same; zeros where nobody is.

        weights: (models · slots, most) of each; back: of the same bonds, seen from the other end.
        """
        result: Tensor = _Sums.apply(states.flatten(0, 1), self.neighbours, weights, back)
        return result.view(states.shape)

    def sent(self, states: Tensor) -> Tensor:
        """Lay neighbours' states side by side: (models, slots, width) -> (models · slots, most, width)."""
        reverse = self.neighbours * self.neighbours.shape[1] + self.graphs.reverse[self.atom]
        reverse = torch.where(self.there(), reverse, reverse.numel() - 1)  # the last of nobody's own
        result: Tensor = _Sent.apply(states.flatten(0, 1), self.neighbours, reverse)
        return result

    def there(self) -> Tensor:
        """Say where a neighbour is: (models · slots, most) bool."""
        return self.neighbours != len(self.neighbours) - 1

    def pooled(self, states: Tensor) -> Tensor:
        """Sum the states of each molecule's atoms: (models, slots, width) -> (models, batch, width)."""
        result: Tensor = _Pooled.apply(states.flatten(0, 1), self.begin, self.molecule.flatten())
        return result.view(len(states), -1, states.shape[-1])[:, :-1]


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, index: Tensor, weights: Tensor | None, back: Tensor | None) -> Tensor:
        ctx.index, ctx.back = index, back
        return _bags(index, states, weights)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return _bags(ctx.index, gradient.contiguous(), ctx.back), None, None, None  # bonds go both ways


class _Sent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, index: Tensor, reverse: Tensor) -> Tensor:
        ctx.reverse = reverse
        return states.index_select(0, index.flatten()).view(*index.shape, -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return _bags(ctx.reverse, gradient.flatten(0, 1).contiguous(), None), None, None


class _Pooled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, begin: Tensor, molecule: Tensor) -> Tensor:
        ctx.molecule = molecule
        every = torch.arange(len(states), device=states.device)
        return embedding_bag(every, states, begin, mode="sum")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return gradient.index_select(0, ctx.molecule), None, None


def _bags(index: Tensor, rows: Tensor, weights: Tensor | None) -> Tensor:
    """Sum rows, the last of which stands for none: in one order, so that a GPU makes the same bits again."""
    return embedding_bag(index, rows, mode="sum", padding_idx=len(rows) - 1, per_sample_weights=weights)
