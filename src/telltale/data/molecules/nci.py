"""The first 5,000 molecules of the NCI collection, which come with RDKit: real, and no download."""

from __future__ import annotations

from pathlib import Path

from rdkit import RDConfig

from telltale.data.molecules.smiles_files import ReadMolecules, read_molecules


def load(cache: str | None = None, max_invalid: float = 0.05) -> ReadMolecules:
    """Return the molecules. Raises InputError where this RDKit comes without its data."""
    file = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
    return read_molecules([file], None, max_invalid, cache, "NCI (first 5,000)")
