"""Directed bonds that look alike so many bonds deep: messages along them are equal, so each is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from telltale.data.molecules.alike import Sums, mixed
from telltale.data.molecules.graphs import runs


@dataclass(frozen=True, eq=False)
class Round:
    """The states after one round of messages: sums over the bonds heard, and the state before any round of each."""

    sums: Sums
    first: Tensor


@dataclass(frozen=True, eq=False)
class BondLayout:
    """What a network with directed messages computes of some molecules.

    bonds      (states,) a directed bond of each state before any round
    rounds     of messages, each between the states of one round and those of the next
    atoms      (atom states,) an atom of each, and incoming: sums over its last bond states
    molecules  sums over the atom states of each molecule
    sizes      (molecules,) atoms of each
    """

    bonds: Tensor
    rounds: Sequence[Round]
    atoms: Tensor
    incoming: Sums
    molecules: Sums
    sizes: Tensor


def layout_of(
    atoms: Tensor, bonds: Tensor, ends: Tensor, molecule_of: Tensor, molecules: int, depth: int
) -> BondLayout:
    """Lay molecules out for `depth` - 1 rounds of messages; tensors as in `DirectedBonds`."""
    start, end = ends.numpy()
    of_atom, owner = _words(atoms.numpy()), molecule_of.numpy()
    arriving, arriving_at = np.argsort(end, kind="stable"), _offsets(np.bincount(end, minlength=len(of_atom)))
    places, at = runs(arriving_at, start)
    heard, turned = arriving[places], np.repeat(np.arange(len(start)) ^ 1, np.diff(at))
    heard, heard_at = heard[heard != turned], at - np.arange(len(at))  # each bond but itself the other way round
    first, bond = _colours(mixed(of_atom[start]) + _words(bonds.numpy()))
    colour, sample, own, rounds = first, bond, mixed(first.astype(np.uint64)), list[Round]()
    for _ in range(1, depth):
        below, number = colour, len(sample)
        colour, sample = _colours(mixed(_totals(below[heard], heard_at)) + own)
        rounds.append(Round(_sums(below[heard], heard_at, sample, number), torch.from_numpy(first[sample])))
    place, atom = _colours(mixed(_totals(colour[arriving], arriving_at)) + of_atom)
    sizes = np.bincount(owner, minlength=molecules)
    return BondLayout(
        torch.from_numpy(bond),
        rounds,
        torch.from_numpy(atom),
        _sums(colour[arriving], arriving_at, atom, len(sample)),
        Sums.of(place[np.argsort(owner, kind="stable")], sizes, len(atom)),
        torch.from_numpy(sizes),
    )


def _words(features: np.ndarray) -> np.ndarray:
    """Make a word of 64 bits of each row of numbers: (rows, columns) float32 -> (rows,)."""
    factors = mixed(np.arange(features.shape[1], dtype=np.uint64)) | np.uint64(1)
    return mixed((np.ascontiguousarray(features).view(np.uint32).astype(np.uint64) * factors).sum(1, dtype=np.uint64))


def _totals(colours: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Make a word of each run of colours, whatever their order; what passes 64 bits is dropped."""
    running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed(colours.astype(np.uint64)), dtype=np.uint64)])
    return running[offsets[1:]] - running[offsets[:-1]]


def _colours(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number distinct words: the number of each, and where one of each number is."""
    _, sample, colour = np.unique(words, return_index=True, return_inverse=True)
    return colour, sample


def _sums(source: np.ndarray, offsets: np.ndarray, sample: np.ndarray, below: int) -> Sums:
    places, at = runs(offsets, sample)
    return Sums.of(source[places], np.diff(at), below)


def _offsets(counts: np.ndarray | Sequence[int]) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
