"""What a policy sees: molecules that are grown, and the motifs that may be joined to them; arrays alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from telltale.data.molecules.graphs import BOND_TYPES, runs


@dataclass(frozen=True, eq=False)
class View:
    """n molecules of N atoms and E directed bonds in all, and what may be done with them.

    elements (N,), hydrogens (N,) of each atom, sites (N,) bool: may something be joined here; bonds (E,) types;
    ends (2, E) within the molecule; atom_offsets, bond_offsets (n + 1,); steps_left (n,), 0 = the episode is over.
    """

    elements: np.ndarray
    hydrogens: np.ndarray
    sites: np.ndarray
    bonds: np.ndarray
    ends: np.ndarray
    atom_offsets: np.ndarray
    bond_offsets: np.ndarray
    steps_left: np.ndarray

    def __len__(self) -> int:
        """Count the molecules."""
        return len(self.steps_left)

    def take(self, rows: np.ndarray) -> Self:
        """Return the molecules at `rows` (positions or a mask), in that order."""
        rows = np.arange(len(self))[rows]
        atoms, atom_offsets = runs(self.atom_offsets, rows)
        bonds, bond_offsets = runs(self.bond_offsets, rows)
        of_atoms = self.elements[atoms], self.hydrogens[atoms], self.sites[atoms]
        of_bonds = self.bonds[bonds], self.ends[:, bonds]
        return type(self)(*of_atoms, *of_bonds, atom_offsets, bond_offsets, self.steps_left[rows])

    @classmethod
    def concatenate(cls, parts: Sequence[View]) -> Self:
        """Return the molecules of all parts, one part after the other."""
        joined = {}
        for field in fields(cls):
            arrays = [getattr(part, field.name) for part in parts]
            if field.name.endswith("offsets"):
                joined[field.name] = np.cumsum([0, *np.concatenate([np.diff(array) for array in arrays])])
            else:
                joined[field.name] = np.concatenate(arrays, axis=-1)
        return cls(**joined)

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of molecules that differ, and which of these each molecule is: (different,), (n,)."""
        atoms = np.stack([self.elements, self.hydrogens, self.sites], 1).astype(np.int32)
        bonds = np.stack([self.bonds, *self.ends], 1).astype(np.int32)
        first, places = dict[tuple[int, bytes, bytes], int](), list[int]()
        for row, left in enumerate(self.steps_left.tolist()):
            of_atoms = atoms[self.atom_offsets[row] : self.atom_offsets[row + 1]].tobytes()
            of_bonds = bonds[self.bond_offsets[row] : self.bond_offsets[row + 1]].tobytes()
            places.append(first.setdefault((left, of_atoms, of_bonds), row))
        return np.unique(places, return_inverse=True)

    @cached_property
    def tensors(self) -> Graphs:
        """Return the same as one disjoint graph of tensors."""
        molecule_of = np.repeat(np.arange(len(self)), np.diff(self.atom_offsets))
        first = np.repeat(self.atom_offsets[:-1], np.diff(self.bond_offsets))
        arrays = self.elements, self.hydrogens, self.bonds, self.ends + first, molecule_of, np.flatnonzero(self.sites)
        tensors = (torch.from_numpy(array.astype(np.int64)) for array in (*arrays, self.steps_left))
        return Graphs(*tensors)


@dataclass(frozen=True, eq=False)
class Graphs:
    """A disjoint graph: elements, hydrogens, molecule_of (N,); bonds (E,); ends (2, E); sites (T,): rows of atoms."""

    elements: Tensor
    hydrogens: Tensor
    bonds: Tensor
    ends: Tensor
    molecule_of: Tensor
    sites: Tensor
    steps_left: Tensor

    def __len__(self) -> int:
        """Count the molecules."""
        return len(self.steps_left)

    @cached_property
    def bond_counts(self) -> Tensor:
        """Count each atom's bonds by type: (N, types) float32."""
        atoms = len(self.elements)
        flat = torch.bincount(self.ends[1] * BOND_TYPES + self.bonds, minlength=atoms * BOND_TYPES)
        return flat.view(atoms, BOND_TYPES).float()

    @cached_property
    def inverse_roots(self) -> Tensor:
        """Return 1 / sqrt(d) of each atom, itself among its neighbours: (N, 1)."""
        return (1 + self.bond_counts.sum(1, keepdim=True)).rsqrt()

    @cached_property
    def site_molecule(self) -> Tensor:
        """Return the molecule of each open site: (T,)."""
        return self.molecule_of[self.sites]


@dataclass(frozen=True, eq=False)
class Motifs:
    """Motifs and their P sites: site p is on motif `motif[p]`, there on atom `atom[p]`; (P,) each.

    Sites of a motif follow one another. Each motif has one at least. block (motifs,): places in the vocabulary.
    """

    view: View
    block: np.ndarray
    motif: np.ndarray
    atom: np.ndarray

    @classmethod
    def of(cls, view: View, block: np.ndarray) -> Motifs:
        """Take the sites that the view of the motifs says to be open."""
        rows = np.flatnonzero(view.sites)
        motif = np.searchsorted(view.atom_offsets, rows, side="right") - 1
        return cls(view, block, motif, rows - view.atom_offsets[motif])

    @cached_property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """Return motif (P,) and row of the atom among all motifs' atoms (P,)."""
        return torch.from_numpy(self.motif), self.view.tensors.sites

    @cached_property
    def sites_of(self) -> tuple[Tensor, Tensor]:
        """Return which of the P sites are a motif's, padded, and which entries are real: both (motifs, most sites)."""
        counts = np.bincount(self.motif, minlength=len(self.view))
        first, place = np.cumsum(counts) - counts, np.arange(counts.max())
        real = place < counts[:, None]
        return torch.from_numpy(np.where(real, first[:, None] + place, 0)), torch.from_numpy(real)

    @cached_property
    def several(self) -> Tensor:
        """Return the sites of motifs that have more than one: there alone is a third choice to make."""
        return torch.from_numpy(np.flatnonzero(np.bincount(self.motif)[self.motif] > 1))
