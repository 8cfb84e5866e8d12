"""Several molecules as one disjoint graph of tensors: what an encoder is fed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from telltale.data.molecules.alike import Alike, Layer, Sums, alike_in
from telltale.data.molecules.graphs import MoleculeGraphs, runs

MOST = 4_000_000  # atoms of a data set whose colours are kept, some 100 bytes each; of more, each batch has its own
TENSORS = ("atoms", "bonds", "ends", "molecule_of", "first_atom", "keys")


@dataclass(frozen=True)
class MoleculeBatch:
    """A disjoint union of molecules.

    atoms        (atoms, 2) element and chirality
    bonds        (directed bonds, 2) type and direction
    ends         (2, directed bonds) source and target atom
    molecule_of  (atoms,) which molecule an atom is in
    first_atom   (molecules,)
    keys         (molecules,) one whole number a molecule and epoch, from which all its random corruptions derive
    joined       whether a model may compute atoms that look alike once
    origin       of a batch that nothing has changed, the data set's graphs and which atoms of them these are
    """

    atoms: Tensor
    bonds: Tensor
    ends: Tensor
    molecule_of: Tensor
    first_atom: Tensor
    keys: Tensor
    joined: bool = False
    origin: tuple[MoleculeGraphs, np.ndarray] | None = field(default=None, repr=False, compare=False)
    _layers: dict[tuple[int, bool], list[Layer]] = field(default_factory=dict, repr=False, compare=False)
    _pools: dict[Layer, Sums] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.first_atom)

    def to(self, device: Any, **kwargs: Any) -> MoleculeBatch:
        """Move every tensor to a device."""
        return replace(self, **{name: getattr(self, name).to(device, **kwargs) for name in TENSORS})

    def layers(self, depth: int, with_degrees: bool = False) -> list[Layer]:
        """Return what an encoder of `depth` convolutions computes of this batch, atoms that look alike once."""
        if (depth, with_degrees) not in self._layers:
            if self.origin and len(self.origin[0].atoms) <= MOST:
                graphs, atoms = self.origin
                alike = alike_in(graphs, with_degrees)
            else:
                atoms = np.arange(len(self.atoms))
                alike = Alike.of_batch(self.atoms, self.bonds, self.ends, with_degrees)
            self._layers[depth, with_degrees] = alike.layers(atoms, depth)
        return self._layers[depth, with_degrees]

    def pools(self, layer: Layer) -> Sums:
        """Return the sums of a layer's states over each molecule's atoms."""
        if layer not in self._pools:
            self._pools[layer] = layer.by_molecule(self.first_atom)
        return self._pools[layer]

    def with_atoms(self, atoms: Tensor) -> MoleculeBatch:
        """Return the same graph with other atom features."""
        return MoleculeBatch(atoms, self.bonds, self.ends, self.molecule_of, self.first_atom, self.keys, self.joined)

    def with_bonds(self, bonds: Tensor, ends: Tensor) -> MoleculeBatch:
        """Return the same atoms with other bonds between them."""
        return MoleculeBatch(self.atoms, bonds, ends, self.molecule_of, self.first_atom, self.keys, self.joined)

    def apart(self) -> MoleculeBatch:
        """Return the same graph, every atom of which is computed: for gradients of each molecule."""
        return replace(self, joined=False)

    def sizes(self) -> Tensor:
        """Count the atoms of every molecule: (molecules,)."""
        return torch.diff(self.first_atom, append=self.first_atom.new_tensor([len(self.atoms)]))

    def keep_atoms(self, kept: Tensor) -> MoleculeBatch:
        """Return the subgraph induced by `kept` (atoms,) bool; molecules may become empty, none disappears."""
        new_index = torch.cumsum(kept, 0) - 1
        inside = kept[self.ends[0]] & kept[self.ends[1]]
        molecule_of = self.molecule_of[kept]
        sizes = torch.bincount(molecule_of, minlength=len(self))
        return MoleculeBatch(
            atoms=self.atoms[kept],
            bonds=self.bonds[inside],
            ends=new_index[self.ends[:, inside]],
            molecule_of=molecule_of,
            first_atom=torch.cumsum(sizes, 0) - sizes,
            keys=self.keys,
            joined=self.joined,
        )


def to_batch(graphs: MoleculeGraphs, keys: np.ndarray | None = None, rows: np.ndarray | None = None) -> MoleculeBatch:
    """Turn molecules into tensors; `keys` (molecules,) default to 0 where nothing random will be drawn.

    rows: of those molecules; None = all.
    """
    rows = np.arange(len(graphs)) if rows is None else rows
    atoms, atom_offsets = runs(graphs.atom_offsets, rows)
    bonds, bond_offsets = runs(graphs.bond_offsets, rows)
    first_atom = atom_offsets[:-1]
    ends = graphs.bond_ends.take(bonds, axis=1) + np.repeat(first_atom, np.diff(bond_offsets))
    return MoleculeBatch(
        atoms=torch.from_numpy(graphs.atoms.take(atoms, axis=0).astype(np.int64)),
        bonds=torch.from_numpy(graphs.bonds.take(bonds, axis=0).astype(np.int64)),
        ends=torch.from_numpy(ends.astype(np.int64, copy=False)),
        molecule_of=torch.from_numpy(np.repeat(np.arange(len(rows)), np.diff(atom_offsets))),
        first_atom=torch.from_numpy(first_atom),
        keys=torch.from_numpy(np.zeros(len(rows), np.int64) if keys is None else keys.astype(np.int64)),
        joined=True,
        origin=(graphs, atoms),
    )
