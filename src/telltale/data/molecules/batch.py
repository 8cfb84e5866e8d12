"""Several molecules as one disjoint graph of tensors: what an encoder is fed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from telltale.data.molecules.graphs import MoleculeGraphs


@dataclass(frozen=True)
class MoleculeBatch:
    """A disjoint union of molecules.

    atoms        (atoms, 2) element and chirality
    bonds        (directed bonds, 2) type and direction
    ends         (2, directed bonds) source and target atom
    molecule_of  (atoms,) which molecule an atom is in
    first_atom   (molecules,)
    keys         (molecules,) one whole number a molecule and epoch, from which all its random corruptions derive
    """

    atoms: Tensor
    bonds: Tensor
    ends: Tensor
    molecule_of: Tensor
    first_atom: Tensor
    keys: Tensor

    def __len__(self) -> int:
        return len(self.first_atom)

    def to(self, device: Any, **kwargs: Any) -> MoleculeBatch:
        """Move every tensor to a device."""
        return MoleculeBatch(*(getattr(self, field.name).to(device, **kwargs) for field in fields(self)))

    def with_atoms(self, atoms: Tensor) -> MoleculeBatch:
        """Return the same graph with other atom features."""
        return MoleculeBatch(atoms, self.bonds, self.ends, self.molecule_of, self.first_atom, self.keys)

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
        )


def to_batch(graphs: MoleculeGraphs, keys: np.ndarray | None = None) -> MoleculeBatch:
    """Turn plain arrays into tensors; `keys` (molecules,) default to 0 where nothing random will be drawn."""
    atom_counts, bond_counts = np.diff(graphs.atom_offsets), np.diff(graphs.bond_offsets)
    first_atom = graphs.atom_offsets[:-1]
    ends = graphs.bond_ends.astype(np.int64) + np.repeat(first_atom, bond_counts)
    return MoleculeBatch(
        atoms=torch.from_numpy(graphs.atoms.astype(np.int64)),
        bonds=torch.from_numpy(graphs.bonds.astype(np.int64)),
        ends=torch.from_numpy(ends),
        molecule_of=torch.from_numpy(np.repeat(np.arange(len(graphs)), atom_counts)),
        first_atom=torch.from_numpy(first_atom.astype(np.int64)),
        keys=torch.from_numpy(np.zeros(len(graphs), np.int64) if keys is None else keys.astype(np.int64)),
    )
