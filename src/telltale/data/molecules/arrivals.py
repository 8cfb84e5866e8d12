"""Atoms and directed bonds at which messages arrive alike: a network that passes messages computes them once.

Two of them have one colour at depth d where they began alike, and what arrives at them had the same colours at depth
d - 1. Of 128 MOSES molecules with 5,994 directed bonds some 16, 100, 800 and 2,300 colours are left at depths 0 to 3.
`alike` has the same of convolutions, which tell bonds apart and hear the atom itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from telltale.data.molecules.alike import Sums, mixed
from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.graphs import BOND_DIRECTIONS, BOND_TYPES, CHIRALITIES, runs


@dataclass(frozen=True, eq=False)
class Passed:
    """The states after so many passes.

    number  of states
    place   (things,) state of each atom or bond
    sample  (states,) one atom or bond of each
    first   (states,) state that each began as, before the first pass
    sums    over what arrives, of the states one pass before; None before the first pass
    """

    number: int
    place: np.ndarray
    sample: np.ndarray
    first: np.ndarray
    sums: Any = None


class Arrivals:
    """What arrives at things, which are the atoms of a batch or its directed bonds.

    colour    (things,) whole numbers, equal where two begin alike
    source    what arrives at each, those of one thing side by side
    counts    (things,) how many
    at_atoms  (source, counts) of what arrives at each atom in the end
    """

    def __init__(
        self, colour: np.ndarray, source: np.ndarray, counts: np.ndarray, at_atoms: tuple[np.ndarray, np.ndarray]
    ) -> None:
        self.source, self.counts, self.at_atoms = source, counts, at_atoms
        self.offsets = np.append(0, np.cumsum(counts))
        number, place, sample = _states(colour)
        self.levels = [Passed(number, place, sample, np.arange(number))]

    @classmethod
    def of_atoms(cls, batch: MoleculeBatch, distinct: bool) -> Arrivals:
        """Atoms hear their neighbours. distinct: no two begin alike, whatever their features."""
        ends, features = batch.ends.numpy(), batch.atoms.numpy()
        source = ends[0][np.argsort(ends[1], kind="stable")]
        counts = np.bincount(ends[1], minlength=len(features))
        return cls(_colours(features, distinct), source, counts, (source, counts))

    @classmethod
    def of_bonds(cls, batch: MoleculeBatch, distinct: bool) -> Arrivals:
        """Bonds hear the bonds into the atom that they leave, but for their own reverse."""
        ends, kinds = batch.ends.numpy(), batch.bonds.numpy()
        into = np.argsort(ends[1], kind="stable")
        counts = np.bincount(ends[1], minlength=len(batch.atoms))
        places, _ = runs(np.append(0, np.cumsum(counts)), ends[0])
        source, bond = into[places], np.repeat(np.arange(len(kinds)), counts[ends[0]])
        others = ends[0][source] != ends[1][bond]
        colour = _colours(batch.atoms.numpy(), distinct)[ends[0]] * (BOND_TYPES * BOND_DIRECTIONS)
        heard = np.bincount(bond[others], minlength=len(kinds))
        return cls(colour + kinds[:, 0] * BOND_DIRECTIONS + kinds[:, 1], source[others], heard, (into, counts))

    def after(self, passes: int) -> Passed:
        """Return the states after so many passes."""
        start = self.levels[0].place
        while len(self.levels) <= passes:
            below = self.levels[-1]
            words = np.append(np.uint64(0), np.cumsum(mixed(below.place[self.source].astype(np.uint64))))
            around = words[self.offsets[1:]] - words[self.offsets[:-1]]  # a thing may hear nothing
            number, place, sample = _states(mixed(mixed(around) + start.astype(np.uint64)))
            heard, _ = runs(self.offsets, sample)
            sums = Sums.of(below.place[self.source[heard]], self.counts[sample], below.number)
            self.levels.append(Passed(number, place, sample, start[sample], sums))
        return self.levels[passes]

    def into_atoms(self, passed: Passed) -> Sums:
        """Sum the states of all that arrives at each atom."""
        source, counts = self.at_atoms
        return Sums.of(passed.place[source], counts, passed.number)


def index(places: np.ndarray) -> Tensor:
    """Make places an index of tensors."""
    return torch.from_numpy(places.astype(np.int64, copy=False))


def _states(colour: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Number colours from 0: how many there are, each thing's, and a thing of each."""
    _, sample, place = np.unique(colour, return_index=True, return_inverse=True)
    return len(sample), place, sample


def _colours(features: np.ndarray, distinct: bool) -> np.ndarray:
    return np.arange(len(features)) if distinct else features[:, 0] * CHIRALITIES + features[:, 1]
