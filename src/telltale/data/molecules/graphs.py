"""Molecular graphs as flat arrays: atoms, bonds, and where each molecule starts.

Features after Hu et al. 2020, "Strategies for Pre-training Graph Neural Networks", appendix C.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import rdkit
from rdkit import Chem, rdBase
from rdkit.Chem import BondDir, BondType

from telltale.data.molecules.cache import through_cache, write_whole
from telltale.data.molecules.parallel import in_chunks
from telltale.errors import InputError

FEATURES = "hu2020-1"  # change it with the meaning of any feature: cached graphs are then made anew

OTHER_ELEMENT, MASKED_ELEMENT, ELEMENTS = 118, 119, 120
"""Element index = atomic number - 1, H…Og = 0…117; 118 = the wildcard atom `*`; 119 = the models' mask."""
CHIRALITIES = 4  # unspecified, clockwise, counter-clockwise, any other tag
SELF_LOOP, MASKED_BOND, BOND_TYPES = 4, 5, 6  # after single, double, triple, aromatic; for models
BOND_DIRECTIONS = 3  # none, end-up-right, end-down-right

# What the paper has no word for joins its nearest: quadruple bonds are triple, dative and other bonds single.
_BOND_TYPE = {BondType.DOUBLE: 1, BondType.TRIPLE: 2, BondType.QUADRUPLE: 2, BondType.AROMATIC: 3}
_BOND_DIRECTION = {BondDir.ENDUPRIGHT: 1, BondDir.ENDDOWNRIGHT: 2}


@dataclass(frozen=True, eq=False)
class MoleculeGraphs:
    """The graphs of n molecules with N atoms and E directed bonds in all; a graph may have no bond.

    atoms         (N, 2) uint8 = element, chirality
    bonds         (E, 2) uint8 = type, direction, each bond twice, i→j then j→i
    bond_ends     (2, E) int32 = from, to, counted within the molecule
    atom_offsets  (n + 1,) int64: molecule k has the atoms atom_offsets[k] … atom_offsets[k + 1] - 1, in the order
                  of its SMILES
    bond_offsets  (n + 1,) int64, the same for bonds
    """

    atoms: np.ndarray
    bonds: np.ndarray
    bond_ends: np.ndarray
    atom_offsets: np.ndarray
    bond_offsets: np.ndarray

    def __len__(self) -> int:
        """Count the molecules."""
        return len(self.atom_offsets) - 1

    def take(self, rows: np.ndarray) -> Self:
        """Return the molecules at `rows` (indices or a boolean mask), in that order."""
        rows = np.arange(len(self))[rows]
        atoms, atom_offsets = runs(self.atom_offsets, rows)
        bonds, bond_offsets = runs(self.bond_offsets, rows)
        return type(self)(self.atoms[atoms], self.bonds[bonds], self.bond_ends[:, bonds], atom_offsets, bond_offsets)

    @classmethod
    def concatenate(cls, parts: Sequence[MoleculeGraphs]) -> Self:
        """Return the molecules of all parts, one part after the other; of no part, none."""
        sizes = ((np.diff(part.atom_offsets), np.diff(part.bond_offsets)) for part in parts)
        atom_counts, bond_counts = np.concatenate([np.zeros((2, 0)), *sizes], axis=1)
        return cls(
            np.concatenate([np.zeros((0, 2), np.uint8), *(part.atoms for part in parts)]),
            np.concatenate([np.zeros((0, 2), np.uint8), *(part.bonds for part in parts)]),
            np.concatenate([np.zeros((2, 0), np.int32), *(part.bond_ends for part in parts)], axis=1),
            _offsets(atom_counts),
            _offsets(bond_counts),
        )

    def save(self, path: Path) -> None:
        """Write the arrays to an npz file, whole or not at all."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        write_whole(path, lambda file: np.savez(file, **arrays))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; never unpickles. Raises ValueError where the file holds anything else."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                graphs = cls(**{f.name: arrays[f.name] for f in fields(cls)})
            fits = graphs._fits()
        except OSError:
            raise
        except Exception as error:  # numpy and zipfile raise a dozen kinds on a damaged file
            raise ValueError(f"{path.name} holds no molecular graphs: {error}") from error
        if not fits:
            raise ValueError(f"{path.name} holds arrays that do not belong together")
        return graphs

    def _fits(self) -> bool:
        return (
            self.atoms.shape == (self.atom_offsets[-1], 2)
            and self.bonds.shape == (self.bond_offsets[-1], 2)
            and self.bond_ends.shape == (2, self.bond_offsets[-1])
            and self.atom_offsets.shape == self.bond_offsets.shape
        )


def featurise(
    smiles: Sequence[str], workers: int | None = None, description: str = "building molecular graphs"
) -> MoleculeGraphs:
    """Return the graph of each SMILES, atoms in the order of the SMILES.

    workers: processes, None = as many as there are cores. Raises InputError on a SMILES RDKit cannot read.
    """
    try:
        parts = in_chunks(_featurise, smiles, workers, description)
    except _UnreadableError as error:
        raise InputError("dataset.smiles", error.args[0], "expected a SMILES that RDKit can read") from None
    return MoleculeGraphs.concatenate([MoleculeGraphs(*arrays) for arrays in parts])


def featurise_cached(
    smiles: Sequence[str],
    cache: Path | None,
    workers: int | None = None,
    description: str = "building molecular graphs",
) -> MoleculeGraphs:
    """Return `featurise(smiles)`, from the folder `cache` where it was made before; None = do not keep it."""

    def load(path: Path) -> MoleculeGraphs:
        graphs = MoleculeGraphs.load(path)
        if len(graphs) != len(smiles):
            raise ValueError(f"{path.name} holds {len(graphs)} molecules, expected {len(smiles)}")
        return graphs

    path = None if cache is None else Path(cache) / f"graphs-{_key(smiles)}.npz"
    return through_cache(path, load, MoleculeGraphs.save, lambda: featurise(smiles, workers, description))


class _UnreadableError(ValueError):
    """A SMILES that is no molecule; unlike InputError it survives the way back from a worker."""


def _featurise(smiles: list[str]) -> tuple[np.ndarray, ...]:
    """Return the five arrays of `MoleculeGraphs`."""
    atoms: list[tuple[int, int]] = []
    bonds: list[tuple[int, int, int, int]] = []
    counts: list[tuple[int, int]] = []
    with rdBase.BlockLogs():
        for text in smiles:
            molecule = Chem.MolFromSmiles(text)
            if molecule is None:
                raise _UnreadableError(text)
            atoms += [(atom.GetAtomicNum(), int(atom.GetChiralTag())) for atom in molecule.GetAtoms()]
            bonds += [
                (
                    bond.GetBeginAtomIdx(),
                    bond.GetEndAtomIdx(),
                    _BOND_TYPE.get(bond.GetBondType(), 0),
                    _BOND_DIRECTION.get(bond.GetBondDir(), 0),
                )
                for bond in molecule.GetBonds()
            ]
            counts.append((molecule.GetNumAtoms(), 2 * molecule.GetNumBonds()))
    numbers, tags = np.array(atoms, np.int64).reshape(-1, 2).T
    elements = np.where(numbers == 0, OTHER_ELEMENT, numbers - 1)
    chirality = np.minimum(tags, CHIRALITIES - 1)
    table = np.array(bonds, np.int64).reshape(-1, 4).repeat(2, axis=0)
    ends = table[:, :2].T.astype(np.int32)
    ends[:, 1::2] = ends[::-1, 1::2]
    sizes = np.array(counts, np.int64).reshape(-1, 2)
    features = np.stack([elements, chirality], axis=1).astype(np.uint8), table[:, 2:].astype(np.uint8)
    return *features, ends, _offsets(sizes[:, 0]), _offsets(sizes[:, 1])


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def runs(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat indices of the runs at `rows` and the offsets of the runs laid end to end."""
    counts = np.diff(offsets)[rows]
    new = _offsets(counts)
    return np.repeat(offsets[:-1][rows] - new[:-1], counts) + np.arange(new[-1]), new


def _key(smiles: Sequence[str]) -> str:
    text = "\n".join([FEATURES, rdkit.__version__, *smiles])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
