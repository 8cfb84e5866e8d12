"""Random corruptions of molecule graphs, each a pure function of the batch's keys."""

from __future__ import annotations

import torch
from torch import Tensor

from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.graphs import MASKED_ELEMENT
from telltale.training.counter_random import uniform


def atom_draws(batch: MoleculeBatch, role: str) -> Tensor:
    """Draw a uniform number for every atom: (atoms,)."""
    local = torch.arange(len(batch.atoms), device=batch.atoms.device) - batch.first_atom[batch.molecule_of]
    return uniform(batch.keys[batch.molecule_of], role, local)


def bond_draws(batch: MoleculeBatch, role: str) -> Tensor:
    """Draw a uniform number for every bond, the same in both directions: (directed bonds,)."""
    molecule = batch.molecule_of[batch.ends[0]]
    first = batch.first_atom[molecule]
    low, high = torch.minimum(*batch.ends) - first, torch.maximum(*batch.ends) - first
    return uniform(batch.keys[molecule], role, low * 4096 + high)


def sizes_of(batch: MoleculeBatch) -> Tensor:
    """Count the atoms of every molecule: (molecules,)."""
    return torch.bincount(batch.molecule_of, minlength=len(batch))


def choose_atoms(batch: MoleculeBatch, numbers: Tensor, role: str) -> Tensor:
    """Choose so many atoms of every molecule at random, `numbers` (molecules,): (atoms,) bool."""
    order = torch.argsort(batch.molecule_of.double() + 0.999 * atom_draws(batch, role).double(), stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    return place - batch.first_atom[batch.molecule_of] < numbers[batch.molecule_of]


def share_of_atoms(batch: MoleculeBatch, rate: float, role: str) -> Tensor:
    """Choose `rate` of each molecule's atoms, rounded down, so perhaps none: (atoms,) bool."""
    return choose_atoms(batch, (sizes_of(batch).double() * rate).floor(), role)  # double: as Python's floor


def choose_atom(batch: MoleculeBatch, role: str) -> Tensor:
    """Choose one atom of every molecule: (molecules,) index into the batch's atoms."""
    sizes = sizes_of(batch)
    offset = (uniform(batch.keys, role) * sizes).long()
    return batch.first_atom + torch.minimum(offset, sizes - 1)


def hops_from(batch: MoleculeBatch, centres: Tensor, furthest: int) -> Tensor:
    """Count bonds from each molecule's centre to its atoms, up to `furthest`; beyond it furthest + 1: (atoms,)."""
    hops = torch.full((len(batch.atoms),), furthest + 1, device=batch.atoms.device)
    hops[centres] = 0
    for _ in range(furthest):
        reached = hops[batch.ends[0]] + 1
        hops = hops.scatter_reduce(0, batch.ends[1], reached, "amin")
    return hops


def drop_atoms(batch: MoleculeBatch, rate: float, role: str) -> MoleculeBatch:
    """Remove `rate` of each molecule's atoms with their bonds (GraphCL's node dropping)."""
    return batch.keep_atoms(~share_of_atoms(batch, rate, role))


def hide_atoms(batch: MoleculeBatch, rate: float, role: str) -> MoleculeBatch:
    """Replace the attributes of `rate` of each molecule's atoms by the mask token (GraphCL's attribute masking)."""
    hidden = share_of_atoms(batch, rate, role)
    return batch.with_atoms(torch.where(hidden[:, None], batch.atoms.new_tensor([MASKED_ELEMENT, 0]), batch.atoms))


def connected_part(batch: MoleculeBatch, rate: float, role: str) -> MoleculeBatch:
    """Keep a random connected part of each molecule, which loses `rate` of its atoms, rounded down (its subgraph).

    It grows from one atom: every atom has a random length, and those that are nearest are kept, so that each is bonded
    to one kept before it. (In GraphCL's code for molecules the part never grows beyond the first atom's neighbours.)
    A molecule of several pieces may lose more.
    """
    length = 0.05 + atom_draws(batch, f"{role}, length")
    distance = torch.full_like(length, torch.inf)
    distance[choose_atom(batch, f"{role}, start")] = 0
    source, target = batch.ends
    while True:
        nearer = distance.scatter_reduce(0, target, distance[source] + length[target], "amin")
        if torch.equal(nearer, distance):
            break
        distance = nearer
    nearest = torch.argsort(distance, stable=True)
    order = nearest[torch.argsort(batch.molecule_of[nearest], stable=True)]
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    sizes = sizes_of(batch)
    kept = sizes - (sizes.double() * rate).floor().long()
    inside = place - batch.first_atom[batch.molecule_of] < kept[batch.molecule_of]
    return batch.keep_atoms(inside & distance.isfinite())


def drop_bonds(batch: MoleculeBatch, rate: float, role: str) -> MoleculeBatch:
    """Remove each bond, in both directions at once, with probability `rate` (GraphCL's edge perturbation)."""
    kept = bond_draws(batch, role) >= rate
    return MoleculeBatch(
        batch.atoms,
        batch.bonds[kept],
        batch.ends[:, kept],
        batch.molecule_of,
        batch.first_atom,
        batch.keys,
        batch.joined,
    )
