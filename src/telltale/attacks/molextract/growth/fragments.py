"""Rings and motifs as one disjoint graph: atoms, bonds, free hydrogens, and the atoms where something may be joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from telltale.attacks.molextract.vocabulary import Block, Vocabulary
from telltale.data.molecules.graphs import MoleculeGraphs, featurise, runs


@dataclass(frozen=True, eq=False)
class Fragments:
    """Some molecules, or parts of such, with N atoms in all.

    graphs      the molecules
    hydrogens   (N,) how many hydrogens an atom has, each of which a bond may replace
    site        (N,) bool: something may be joined there, as long as it has a hydrogen
    """

    graphs: MoleculeGraphs
    hydrogens: np.ndarray
    site: np.ndarray

    @classmethod
    def of(cls, blocks: Sequence[Block], sites: Mapping[str, frozenset[int]]) -> Fragments:
        """Lay out blocks; sites: by SMILES, one atom or more of each symmetry class that is open."""
        hydrogens, open_sites = [], []
        for block in blocks:
            molecule = Chem.MolFromSmiles(block.smiles)
            classes = np.array(Chem.CanonicalRankAtoms(molecule, breakTies=False))
            hydrogens += [atom.GetTotalNumHs() for atom in molecule.GetAtoms()]
            open_sites.append(np.isin(classes, classes[sorted(sites[block.smiles])]))
        graphs = featurise([block.smiles for block in blocks], workers=1)
        return cls(graphs, np.array(hydrogens, np.int64), np.concatenate(open_sites))

    def __len__(self) -> int:
        """Count the molecules."""
        return len(self.graphs)

    @property
    def open(self) -> np.ndarray:
        """Tell at which atoms something can be joined: (N,) bool."""
        return self.site & (self.hydrogens > 0)

    @property
    def offsets(self) -> np.ndarray:
        """Return where each molecule's atoms start, and the last one's end: (molecules + 1,)."""
        return self.graphs.atom_offsets

    @property
    def sizes(self) -> np.ndarray:
        """Count the heavy atoms of each: (molecules,)."""
        return np.diff(self.graphs.atom_offsets)

    def take(self, rows: np.ndarray) -> Fragments:
        """Return the molecules at `rows`, in that order."""
        atoms, _ = runs(self.graphs.atom_offsets, rows)
        return Fragments(self.graphs.take(rows), self.hydrogens[atoms], self.site[atoms])

    def open_counts(self) -> np.ndarray:
        """Count the open atoms of each molecule: (molecules,)."""
        sums = np.concatenate([[0], np.cumsum(self.open)])
        return np.diff(sums[self.offsets])


def sites_of(vocabulary: Vocabulary) -> dict[str, frozenset[int]]:
    """Return the sites of each fragment by SMILES: all that any block of that fragment has.

    A learned motif is a fragment and one position; what stays open once it is joined are all the positions at which
    the fragment was seen, so that a chain goes on where chains of the attacker's own molecules do.
    """
    sites: dict[str, frozenset[int]] = {}
    for block in (*vocabulary.rings, *vocabulary.motifs):
        sites[block.smiles] = sites.get(block.smiles, frozenset()) | frozenset(block.sites)
    return sites
