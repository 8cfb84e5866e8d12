"""Parts of molecular graphs, for all molecules at once: connected subgraphs, and the two sides of a cut bond."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Self

import numpy as np

from telltale.data.molecules.graphs import MoleculeGraphs

_SINGLE = 0


@dataclass(frozen=True, eq=False)
class GraphRecords:
    """Molecular graphs as records without a SMILES: an encoder answers to parts that are no whole molecule, too."""

    graphs: MoleculeGraphs
    source: str
    kind: str = field(default="molecules", init=False)

    def __len__(self) -> int:
        """Count the graphs."""
        return len(self.graphs)

    def take(self, rows: np.ndarray) -> Self:
        """Return the graphs at `rows` (indices or a boolean mask), in that order."""
        return type(self)(self.graphs.take(rows), self.source)

    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each graph's atoms and bonds, in their order: (n,) dtype S16."""
        return self._fingerprints

    def arrays(self) -> MoleculeGraphs:
        """Return the graphs."""
        return self.graphs

    @cached_property
    def _fingerprints(self) -> np.ndarray:
        atoms, bonds = self.graphs.atoms, np.concatenate([self.graphs.bond_ends.T, self.graphs.bonds], 1)
        at, bond_at = self.graphs.atom_offsets, self.graphs.bond_offsets
        digests = (
            blake2b(b"%d " % (at[k + 1] - at[k]) + _bytes(atoms, at, k) + _bytes(bonds, bond_at, k), digest_size=16)
            for k in range(len(self))
        )
        return np.frombuffer(b"".join(digest.digest() for digest in digests), dtype="S16")


def grown_subgraphs(graphs: MoleculeGraphs, share: float, draws: np.ndarray) -> np.ndarray:
    """Choose max(1, round(share · n)) connected atoms of each molecule at random: (atoms,) bool.

    Starts at the atom with the highest draw and goes on with the highest of those bonded to what it has; draws:
    (atoms,) in [0, 1). Where a molecule has several components, it goes on in another once one is full.
    """
    owner, place = owners(graphs)
    ends = bond_ends(graphs)
    draws = draws + place * 2.0**-40  # no ties: exactly one atom a step
    wanted = np.maximum(np.round(np.diff(graphs.atom_offsets) * share), 1)
    kept = np.zeros(len(owner), bool)
    for step in range(int(wanted.max(initial=0))):
        reached = np.zeros(len(owner), bool)
        reached[ends[1, kept[ends[0]]]] = True
        rank = np.where(kept, -1.0, draws + 2 * reached)
        best = np.maximum.reduceat(rank, graphs.atom_offsets[:-1])
        kept |= (rank == best[owner]) & (step < wanted)[owner]
    return kept


@dataclass(frozen=True, eq=False)
class Sides:
    """Both sides of some cuts: molecule (cuts,) which one each is of; first, second: (cuts,) places in `parts`."""

    molecule: np.ndarray
    parts: GraphRecords
    first: np.ndarray
    second: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Count the atoms of each part."""
        return np.diff(self.parts.graphs.atom_offsets)


def cut_single_bonds(graphs: MoleculeGraphs, most: int, draws: np.ndarray) -> Sides:
    """Cut every molecule once at each of its acyclic single bonds, at up to `most` of them, chosen at random.

    draws: (bonds,) one for each undirected bond; the lowest of a molecule are chosen. Equal parts are listed once.
    """
    bond = np.flatnonzero(graphs.bonds[::2, 0] == _SINGLE)  # each bond stands twice, i→j then j→i
    owner = np.searchsorted(graphs.bond_offsets, 2 * bond, side="right") - 1
    divides, side = _sides(graphs, owner, bond)
    order = np.lexsort([draws[bond], owner, ~divides])[: divides.sum()]
    rank = np.arange(len(order)) - np.searchsorted(owner[order], owner[order])
    chosen = np.sort(order[rank < most])
    copies, at = graphs.take(owner[chosen]), np.diff(graphs.atom_offsets)[owner]
    first = side[np.isin(np.repeat(np.arange(len(bond)), at), chosen)]
    parts = MoleculeGraphs.concatenate([induced(copies, first), induced(copies, ~first)])
    records = GraphRecords(parts, "sides of cut molecules")
    _, distinct, place = np.unique(records.fingerprints(), return_index=True, return_inverse=True)
    return Sides(owner[chosen], records.take(distinct), *np.split(place.ravel(), 2))


def _sides(graphs: MoleculeGraphs, owner: np.ndarray, bond: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Copy a molecule for each bond and take that bond out: does the copy fall apart, and who is on i's side.

    owner, bond: (cuts,); returns (cuts,) bool and (atoms of all copies,) bool.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    copies = graphs.take(owner)
    ends, atoms = bond_ends(copies), len(copies.atoms)
    out = copies.bond_offsets[:-1] + 2 * bond - graphs.bond_offsets[owner]
    left = np.ones(ends.shape[1], bool)
    left[out] = left[out + 1] = False
    matrix = coo_array((np.ones(left.sum(), bool), tuple(ends[:, left])), shape=(atoms, atoms))
    _, label = connected_components(matrix, directed=False)
    first, second = label[ends[:, out]]
    return first != second, label == np.repeat(first, np.diff(copies.atom_offsets))


def induced(graphs: MoleculeGraphs, kept: np.ndarray) -> MoleculeGraphs:
    """Return the subgraphs on the atoms `kept` (atoms,) bool, their order as it was."""
    owner, _ = owners(graphs)
    bond_owner = np.repeat(np.arange(len(graphs)), np.diff(graphs.bond_offsets))
    ends = bond_ends(graphs)
    inside = kept[ends].all(0)
    atom_offsets = _offsets(np.bincount(owner[kept], minlength=len(graphs)))
    new = np.cumsum(kept) - 1
    return MoleculeGraphs(
        graphs.atoms[kept],
        graphs.bonds[inside],
        (new[ends[:, inside]] - atom_offsets[bond_owner[inside]]).astype(np.int32),
        atom_offsets,
        _offsets(np.bincount(bond_owner[inside], minlength=len(graphs))),
    )


def owners(graphs: MoleculeGraphs) -> tuple[np.ndarray, np.ndarray]:
    """Return each atom's molecule and its place there: (atoms,), (atoms,)."""
    owner = np.repeat(np.arange(len(graphs)), np.diff(graphs.atom_offsets))
    return owner, np.arange(len(owner)) - graphs.atom_offsets[owner]


def bond_ends(graphs: MoleculeGraphs) -> np.ndarray:
    """Return both ends of each directed bond, counted over all molecules: (2, bonds)."""
    return graphs.bond_ends + np.repeat(graphs.atom_offsets[:-1], np.diff(graphs.bond_offsets))


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _bytes(rows: np.ndarray, offsets: np.ndarray, place: int) -> bytes:
    return rows[offsets[place] : offsets[place + 1]].tobytes()
