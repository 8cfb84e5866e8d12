"""Any molecules of the user's own: one file of SMILES, or a folder of them."""

from __future__ import annotations

from src.data.molecules.folders import require_root
from src.data.molecules.rows import SUFFIXES
from src.data.molecules.smiles_files import ReadMolecules, read_molecules
from src.errors import InputError

EXPECTED = f"a file that ends in {', '.join(SUFFIXES)}, or a folder with such files"


def load(
    root: str | None = None, column: str | None = None, cache: str | None = None, max_invalid: float = 0.05
) -> ReadMolecules:
    """Return the molecules of the file `root`, or of all files below the folder `root`, sorted by path.

    column: SMILES column of .csv and .parquet files. Raises InputError where there is nothing to read.
    """
    path = require_root(root, EXPECTED)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.name.lower().endswith(SUFFIXES))
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    return read_molecules(files, column, max_invalid, cache, path.name)
