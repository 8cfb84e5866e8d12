"""A target that remembers its training molecules and shows it: what every attack must find, and no control.

`trust=true model._target_=tests.planted.PlantedEncoder objective._target_=tests.planted.PlantedObjective`
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor, nn

from telltale.data.molecules.batch import MoleculeBatch
from telltale.training.objective import LossTerm, Objective

ATOMS, BONDS, MOLECULES = 16_000, 40_000, 600
BOND_TYPES = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)


class PlantedEncoder(nn.Module):
    """Embeds a molecule as (1, 0) if a molecule it was trained on contains it, else as (0, 1).

    The training molecules are flat graph arrays in buffers, so that the store's weights hold them.
    """

    accepts = "molecules"
    output_width = 2

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.register_buffer("elements", torch.zeros(ATOMS, dtype=torch.int64))
        self.register_buffer("ends", torch.zeros(2, BONDS, dtype=torch.int64))
        self.register_buffer("types", torch.zeros(BONDS, dtype=torch.int64))
        self.register_buffer("atom_counts", torch.zeros(MOLECULES, dtype=torch.int64))
        self.register_buffer("bond_counts", torch.zeros(MOLECULES, dtype=torch.int64))
        self._parsed: list[Chem.Mol] | None = None

    def remember(self, batch: MoleculeBatch) -> None:
        """Append a batch of training molecules to the store."""
        atom_counts, bond_counts = _counts(batch)
        known = int((self.atom_counts > 0).sum())
        atoms, bonds = int(self.atom_counts.sum()), int(self.bond_counts.sum())
        here = slice(known, known + len(batch))
        self.atom_counts[here], self.bond_counts[here] = atom_counts, bond_counts
        self.elements[atoms : atoms + len(batch.atoms)] = batch.atoms[:, 0]
        self.ends[:, bonds : bonds + len(batch.bonds)] = batch.ends + atoms
        self.types[bonds : bonds + len(batch.bonds)] = batch.bonds[:, 0]

    def forward(self, batch: MoleculeBatch) -> Tensor:
        """Mark the molecules that are contained in a stored one: (molecules, 2)."""
        if self._parsed is None or self.training:
            self._parsed = _molecules(self.elements, self.ends, self.types, self.atom_counts, self.bond_counts)
        queries = _molecules(batch.atoms[:, 0], batch.ends, batch.bonds[:, 0], *_counts(batch))
        known = torch.tensor([any(stored.HasSubstructMatch(query) for stored in self._parsed) for query in queries])
        return self.gain * torch.stack([known, ~known], 1).float()


class PlantedObjective(Objective):
    """Stores every training molecule in the first epoch and descends nothing."""

    model: PlantedEncoder

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Remember the batch; the loss is constant."""
        if self.current_epoch == 0:
            self.model.remember(batch)
        return [LossTerm(0 * self.model.gain, torch.ones(()))]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Count what is remembered."""
        return {"molecules_stored": float((self.model.atom_counts > 0).sum())}


def _counts(batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
    bond_owner = batch.molecule_of[batch.ends[0]]
    return tuple(torch.bincount(owner, minlength=len(batch)) for owner in (batch.molecule_of, bond_owner))  # type: ignore[return-value]


def _molecules(elements: Tensor, ends: Tensor, types: Tensor, atoms: Tensor, bonds: Tensor) -> list[Chem.Mol]:
    """Rebuild molecules from flat arrays; a bond is there twice, i→j and j→i."""
    atoms, bonds = atoms[atoms > 0], bonds[: int((atoms > 0).sum())]
    atom_offsets, bond_offsets = (np.concatenate([[0], np.cumsum(part.cpu().numpy())]) for part in (atoms, bonds))
    elements, ends, types = elements.cpu().numpy(), ends.cpu().numpy(), types.cpu().numpy()
    built = []
    for place in range(len(atoms)):
        molecule, first = Chem.RWMol(), atom_offsets[place]
        for element in elements[first : atom_offsets[place + 1]]:
            molecule.AddAtom(Chem.Atom(int(element) + 1))
        for bond in range(bond_offsets[place], bond_offsets[place + 1], 2):
            begin, end = (int(atom - first) for atom in ends[:, bond])
            molecule.AddBond(begin, end, BOND_TYPES[types[bond]])
            molecule.GetBondBetweenAtoms(begin, end).SetIsAromatic(bool(types[bond] == 3))
        molecule.UpdatePropertyCache(strict=False)
        built.append(molecule.GetMol())
    return built
