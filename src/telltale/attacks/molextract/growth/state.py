"""Molecules in the making: what was joined so far, and the graphs that this gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from telltale.attacks.molextract.growth.fragments import Fragments
from telltale.data.molecules.graphs import MoleculeGraphs

NOTHING = -1  # in place of an action that was not taken
ARRAYS = ("ring", "actions", "failed")  # of a state, one entry a molecule


@dataclass(frozen=True, eq=False)
class State:
    """n molecules that are grown in parallel, each from a ring, by at most T joins.

    ring      (n,) place of the ring in the vocabulary
    actions   (n, T, 3) joins in order: site on the molecule, motif, site on the motif; NOTHING where none was made.
              An atom is counted within its molecule: the ring's come first, then each motif's as it was joined
    failed    (n,) bool: the last action could not be; it is not among the actions, and nothing follows it
    blocks    what they are made of, rings before motifs
    rings     how many of the blocks are rings
    """

    ring: np.ndarray
    actions: np.ndarray
    failed: np.ndarray
    blocks: Fragments
    rings: int

    def __len__(self) -> int:
        """Count the molecules."""
        return len(self.ring)

    @cached_property
    def taken(self) -> np.ndarray:
        """Count the joins made: (n,)."""
        return (self.actions[:, :, 1] != NOTHING).sum(1)

    @cached_property
    def graph(self) -> Fragments:
        """Return the molecules as they are now: graphs, free hydrogens, and where something can be joined."""
        return _built(self)

    @cached_property
    def done(self) -> np.ndarray:
        """Tell of which molecules no more can be grown: (n,) bool. All joins made, one failed, or no site is open."""
        full = self.taken == self.actions.shape[1]
        return full | self.failed | (self.graph.open_counts() == 0)

    def take(self, rows: np.ndarray) -> State:
        """Return the molecules at `rows` (positions or a mask), in that order."""
        return replace(self, ring=self.ring[rows], actions=self.actions[rows], failed=self.failed[rows])

    def after(self, joins: int) -> State:
        """Return the molecules as they were after so many joins, or as they are where they have fewer."""
        actions = self.actions.copy()
        actions[:, joins:] = NOTHING
        return replace(self, actions=actions, failed=self.failed & (self.taken <= joins))

    def sizes(self) -> np.ndarray:
        """Count the heavy atoms of each molecule: (n,)."""
        sizes, motif = self.blocks.sizes, self.actions[:, :, 1]
        return sizes[self.ring] + np.where(motif == NOTHING, 0, sizes[self.rings + motif]).sum(1)

    def paths(self) -> list[tuple[int, ...]]:
        """Return what names each molecule's making: the ring, then three numbers a join."""
        flat, ends = self.actions.reshape(len(self), 3 * self.actions.shape[1]).tolist(), (3 * self.taken).tolist()
        return [(ring, *row[:end]) for ring, row, end in zip(self.ring.tolist(), flat, ends, strict=True)]


def concatenated(states: list[State]) -> State:
    """Return the molecules of several states of one environment, one after the other."""
    ring, actions, failed = (np.concatenate([getattr(state, name) for state in states]) for name in ARRAYS)
    return State(ring, actions, failed, states[0].blocks, states[0].rings)


def _built(state: State) -> Fragments:
    """Lay the blocks of each molecule side by side, add the bonds, and take a hydrogen at either end of each."""
    made = np.arange(state.actions.shape[1]) < state.taken[:, None]  # (n, T)
    used = np.concatenate([np.ones((len(state), 1), bool), made], 1)
    molecule, _ = np.nonzero(used)
    pieces = state.blocks.take(np.concatenate([state.ring[:, None], state.rings + state.actions[:, :, 1]], 1)[used])
    atoms_of = np.bincount(molecule, pieces.sizes, len(state)).astype(np.int64)
    first_atom = np.concatenate([[0], np.cumsum(atoms_of)])
    starts = pieces.offsets[:-1] - first_atom[molecule]  # of each piece, counted within its molecule

    hydrogens = pieces.hydrogens.copy()
    owner, join = np.nonzero(made)
    first_piece = np.concatenate([[0], np.cumsum(1 + state.taken)])[:-1]
    ends = np.stack(
        [
            state.actions[owner, join, 0],
            starts[first_piece[owner] + 1 + join] + state.actions[owner, join, 2],
        ]
    )  # (2, joins), within the molecule
    np.subtract.at(hydrogens, ends + first_atom[owner], 1)
    graphs = _joined(pieces.graphs, molecule, starts, ends, owner, first_atom)
    return Fragments(graphs, hydrogens, pieces.site)


def _joined(
    pieces: MoleculeGraphs,
    molecule: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    owner: np.ndarray,
    first_atom: np.ndarray,
) -> MoleculeGraphs:
    """Merge pieces into molecules and add single bonds `ends` (2, joins) of the molecules `owner`, each both ways."""
    counts = np.diff(pieces.bond_offsets)
    inside = pieces.bond_ends + np.repeat(starts, counts).astype(np.int32)
    between = ends.T.astype(np.int32)
    new_ends = np.stack([between, between[:, ::-1]], 1).reshape(-1, 2).T  # i→j then j→i
    owners = np.concatenate([np.repeat(molecule, counts), np.repeat(owner, 2)])
    order = np.argsort(owners, kind="stable")
    bonds = np.concatenate([pieces.bonds, np.zeros((new_ends.shape[1], 2), np.uint8)])[order]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(first_atom) - 1))])
    return MoleculeGraphs(pieces.atoms, bonds, np.concatenate([inside, new_ends], 1)[:, order], first_atom, offsets)
