"""Molecule encoders after Hu et al. 2020 (Strategies for Pre-training Graph Neural Networks, section 5 and appendix A).

A model file (gin.py, gcn.py, …) adds its convolution; everything around it, embeddings, BatchNorm, jumping
knowledge and pooling, is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from telltale.checks import choice, share, whole_number
from telltale.data.molecules.alike import Layer
from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.graphs import BOND_DIRECTIONS, BOND_TYPES, CHIRALITIES, ELEMENTS, SELF_LOOP
from telltale.models.alike_states import each_copy, summed
from telltale.models.batch_norm import GlobalBatchNorm
from telltale.models.processes import world_size

NORMS: dict[str, type[nn.Module]] = {"batch": GlobalBatchNorm, "layer": nn.LayerNorm}


class MoleculeEncoder(nn.Module):
    """A message-passing encoder: atoms -> (atoms, width) -> molecule embedding (molecules, output_width).

        layers             convolutions
        width              of an atom's embedding
        jumping_knowledge  last | sum | max | concat: which layers' embeddings are read out
        pooling            mean | sum, over a molecule's atoms
        dropout            probability, after each layer
        norm               batch | layer: of each layer's output, over all atoms of a batch or over an atom's features

    No ReLU after the last layer. Raises InputError for an option that is not there or out of range.
    """

    accepts = "molecules"
    with_degrees = False  # whether a layer looks at how many neighbours an atom's neighbours have

    def __init__(
        self,
        layers: int,
        width: int,
        jumping_knowledge: str = "last",
        pooling: str = "mean",
        dropout: float = 0.0,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        choice("model.jumping_knowledge", jumping_knowledge, ("last", "sum", "max", "concat"))
        choice("model.pooling", pooling, ("mean", "sum"))
        choice("model.norm", norm, NORMS)
        whole_number("model.layers", layers, 1, 1000)
        whole_number("model.width", width)
        share("model.dropout", dropout, zero=True, whole=False, expected="from 0 to below 1")
        self.jumping_knowledge, self.pooling, self.width = jumping_knowledge, pooling, width
        self.options: dict[str, Any] = {
            "jumping_knowledge": jumping_knowledge,
            "pooling": pooling,
            "dropout": dropout,
            "norm": norm,
        }
        self.output_width = width * (layers + 1) if jumping_knowledge == "concat" else width
        self.element = nn.Embedding(ELEMENTS, width)
        self.chirality = nn.Embedding(CHIRALITIES, width)
        self.convolutions = nn.ModuleList(self.convolution(width) for _ in range(layers))
        self.norms = nn.ModuleList(NORMS[norm](width) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        for embedding in (self.element, self.chirality):
            nn.init.xavier_uniform_(embedding.weight)

    def alike(self, layers: int) -> Self:
        """Build a fresh encoder of the same kind and width with another number of layers."""
        return type(self)(layers=layers, width=self.width, **self.options)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return the atom embeddings, then each convolution with its norm."""
        layers = zip(self.convolutions, self.norms, strict=True)
        return [nn.ModuleList([self.element, self.chirality]), *(nn.ModuleList(layer) for layer in layers)]

    def convolution(self, width: int) -> nn.Module:
        """Build one layer: forward(atoms (atoms, width), ends (2, bonds), bonds (bonds, 2)) -> (atoms, width)."""
        raise NotImplementedError

    def joins(self, batch: MoleculeBatch) -> bool:
        """Say whether atoms of the batch that look alike are embedded once, which changes nothing but rounding.

        On a CPU, in one process, where nothing is drawn for each atom and no gradient of each record is wanted.
        """
        return (
            batch.joined
            and batch.atoms.device.type == "cpu"
            and not (self.training and self.dropout.p > 0)
            and world_size() == 1
            and all(hasattr(convolution, "of_states") for convolution in self.convolutions)
        )

    def states(self, batch: MoleculeBatch) -> tuple[Tensor, Layer]:
        """Embed atoms that look alike once, where `joins`: (states, output_width), and which atoms have which."""
        layers = batch.layers(len(self.convolutions), self.with_degrees)
        kinds = batch.atoms[layers[0].sample]
        states = [self.element(kinds[:, 0]) + self.chirality(kinds[:, 1])]
        convolutions: Any = self.convolutions
        for depth, (convolution, norm) in enumerate(zip(convolutions, self.norms, strict=True), 1):
            hidden, relu = convolution.of_states(states[-1], layers[depth]), depth < len(layers) - 1
            if isinstance(norm, GlobalBatchNorm):
                hidden = norm.of_states(hidden, layers[depth], relu)
            else:
                hidden = norm(hidden).relu() if relu else norm(hidden)
            states.append(hidden)
        last = layers[-1]
        if self.jumping_knowledge != "last":
            states = [each_copy(of, layer.at(last)) for of, layer in zip(states, layers, strict=True)]
        return self._read_out(states), last

    def atom_embeddings(self, batch: MoleculeBatch) -> Tensor:
        """Embed every atom in its molecule: (atoms, output_width)."""
        return each_copy(*self.states(batch)) if self.joins(batch) else self._each_atom(batch)

    def _each_atom(self, batch: MoleculeBatch) -> Tensor:
        hidden = self.element(batch.atoms[:, 0]) + self.chirality(batch.atoms[:, 1])
        ends, bonds = with_self_loops(batch)
        layers = [hidden]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = norm(convolution(layers[-1], ends, bonds))
            if len(layers) < len(self.convolutions):
                hidden = hidden.relu()
            layers.append(self.dropout(hidden))
        return self._read_out(layers)

    def pool(self, atoms: Tensor, batch: MoleculeBatch) -> Tensor:
        """Pool (atoms, features) to (molecules, features); an empty molecule gives zeros."""
        total = atoms.new_zeros(len(batch), atoms.shape[1]).index_add_(0, batch.molecule_of, atoms)
        if self.pooling == "sum":
            return total
        return total / counts(batch.molecule_of, len(batch), atoms).clamp_min(1)[:, None]

    def pool_states(self, states: Tensor, layer: Layer, batch: MoleculeBatch) -> Tensor:
        """Pool what `states` returns: (states, features) to (molecules, features)."""
        total = summed(states, batch.pools(layer))
        return total if self.pooling == "sum" else total / batch.sizes().clamp_min(1)[:, None]

    def forward(self, batch: MoleculeBatch) -> Tensor:
        """Embed molecules: (molecules, output_width)."""
        if self.joins(batch):
            return self.pool_states(*self.states(batch), batch)
        return self.pool(self._each_atom(batch), batch)

    def _read_out(self, layers: list[Tensor]) -> Tensor:
        if self.jumping_knowledge == "last":
            return layers[-1]
        if self.jumping_knowledge == "concat":
            return torch.cat(layers, 1)
        stacked = torch.stack(layers)
        return stacked.sum(0) if self.jumping_knowledge == "sum" else stacked.amax(0)


class BondEmbedding(nn.Module):
    """Embed bonds by type and direction: (bonds, 2) -> (bonds, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bond_type = nn.Embedding(BOND_TYPES, width)
        self.direction = nn.Embedding(BOND_DIRECTIONS, width)
        for embedding in (self.bond_type, self.direction):
            nn.init.xavier_uniform_(embedding.weight)

    def forward(self, bonds: Tensor) -> Tensor:
        """Look both embeddings up and add them."""
        # type and direction have 18 combinations: one small table, one look-up on the long axis
        return nn.functional.embedding(bonds[:, 0] * BOND_DIRECTIONS + bonds[:, 1], self.table())

    def table(self) -> Tensor:
        """Return the embedding of each combination: (18, width)."""
        return (self.bond_type.weight[:, None] + self.direction.weight[None]).flatten(0, 1)


def counts(index: Tensor, number: int, like: Tensor) -> Tensor:
    """Count how often each of 0 … number - 1 is in `index`: (number,), a sum of `like`'s kind.

    torch.func.vmap can do a sum; torch.bincount and torch_geometric's degree it cannot.
    """
    return like.new_zeros(number).index_add_(0, index, like.new_ones(len(index)))


def with_self_loops(batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
    """Append a self-loop to every atom: ends (2, bonds + atoms), bonds (bonds + atoms, 2)."""
    every = torch.arange(len(batch.atoms), device=batch.atoms.device)
    loops = batch.bonds.new_zeros(len(every), 2)
    loops[:, 0] = SELF_LOOP
    return torch.cat([batch.ends, every.expand(2, -1)], 1), torch.cat([batch.bonds, loops])
