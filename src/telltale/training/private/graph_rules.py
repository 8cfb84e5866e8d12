"""The rules of bookkeeping for graphs: the rows that a layer sees are atoms or bonds, and each belongs to a molecule.

One record is one molecule: a gradient is summed over its rows before its norm is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.molecule_encoder import BondEmbedding
from telltale.training.private.outer import Part, formed
from telltale.training.private.problem import CannotError


def graph_rules(batch: MoleculeBatch) -> dict[type, Callable[[Any, Tensor, Tensor], dict[str, Part]]]:
    """Return the rules for the layers of molecule encoders on this batch."""
    return {kind: partial(rule, batch) for kind, rule in GRAPH_RULES.items()}


def owners(batch: MoleculeBatch, count: int) -> Tensor:
    """Return the molecule of each of the `count` rows that a layer sees: (rows,). Readings of equal length agree."""
    if count == len(batch):
        return torch.arange(count, device=batch.first_atom.device)
    if count == len(batch.atoms):
        return batch.molecule_of
    if count == len(batch.atoms) + len(batch.bonds):  # with self-loops, as MoleculeEncoder appends them
        return torch.cat([batch.molecule_of[batch.ends[0]], batch.molecule_of])
    raise CannotError("bookkeeping does not know which molecules the rows of a layer belong to")


def _linear(batch: MoleculeBatch, layer: Any, a: Tensor, g: Tensor) -> dict[str, Part]:
    """∂L/∂W = Σ_v g_v a_vᵀ over a molecule's atoms v, formed for its norm alone, one molecule after the other."""
    owner = owners(batch, len(a))
    counts = torch.bincount(owner, minlength=len(batch)).tolist()
    pairs = zip(g.split(counts), a.split(counts), strict=True)
    squares = torch.stack([(g_own.mT @ a_own).square().sum() for g_own, a_own in pairs])
    weight = Part(squares, lambda factors: (g * factors[owner, None]).mT @ a)
    return {"weight": weight, "bias": _summed(g, owner, len(batch))}


def _layer_norm(batch: MoleculeBatch, layer: Any, a: Tensor, g: Tensor) -> dict[str, Part]:
    owner, normal = owners(batch, len(a)), layer_norm(a, layer.normalized_shape, eps=layer.eps)
    return {"weight": _summed(g * normal, owner, len(batch)), "bias": _summed(g, owner, len(batch))}


def _embedding(batch: MoleculeBatch, layer: Any, a: Tensor, g: Tensor) -> dict[str, Part]:
    return {"weight": _looked_up(layer, a, g, owners(batch, len(a)), len(batch))}


def _bond_embedding(batch: MoleculeBatch, layer: Any, a: Tensor, g: Tensor) -> dict[str, Part]:
    owner = owners(batch, len(a))
    return {
        "bond_type.weight": _looked_up(layer.bond_type, a[:, 0], g, owner, len(batch)),
        "direction.weight": _looked_up(layer.direction, a[:, 1], g, owner, len(batch)),
    }


def _summed(g: Tensor, owner: Tensor, records: int) -> Part:
    """A parameter whose gradient is one vector a row: formed for each molecule."""
    return formed(g.new_zeros(records, g.shape[1]).index_add_(0, owner, g))


def _looked_up(table: nn.Embedding, places: Tensor, g: Tensor, owner: Tensor, records: int) -> Part:
    """The gradient in an entry of a table is the sum over those atoms or bonds of a molecule that looked there."""
    number = table.num_embeddings
    pairs, pair_of_row = torch.unique(owner * number + places, return_inverse=True)
    each = g.new_zeros(len(pairs), g.shape[1]).index_add_(0, pair_of_row, g)
    who, where = pairs // number, pairs % number
    squares = g.new_zeros(records).index_add_(0, who, each.square().sum(1))

    def summed(factors: Tensor) -> Tensor:
        return g.new_zeros(number, g.shape[1]).index_add_(0, where, each * factors[who, None])

    return Part(squares, summed)


GRAPH_RULES: dict[type, Callable[[MoleculeBatch, Any, Tensor, Tensor], dict[str, Part]]] = {
    nn.Linear: _linear,
    nn.LayerNorm: _layer_norm,
    nn.Embedding: _embedding,
    BondEmbedding: _bond_embedding,
}
