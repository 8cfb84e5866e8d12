"""Any molecules of the user's own: one file of SMILES, or a folder of them."""

from __future__ import annotations

from telltale.data.folders import require_root
from telltale.data.molecules.classes import check_cut, with_classes, would_do
from telltale.data.molecules.rows import SUFFIXES, PropertyError, numeric_columns
from telltale.data.molecules.smiles_files import ReadMolecules, read_molecules
from telltale.errors import InputError

EXPECTED = f"a file that ends in {', '.join(SUFFIXES)}, or a folder with such files"


def load(
    root: str | None = None,
    column: str | None = None,
    label: str | None = None,
    cut: float | str | None = None,
    cache: str | None = None,
    max_invalid: float = 0.05,
) -> ReadMolecules:
    """Return the molecules of the file `root`, or of all files below the folder `root`, sorted by path.

    column: SMILES column of .csv and .parquet files; label: their column of numbers that is the class, None = no
    classes; cut: where it is cut in two (see `with_classes`). Raises InputError where there is nothing to read.
    """
    check_cut(cut, label)
    path = require_root(root, EXPECTED)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.name.lower().endswith(SUFFIXES))
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    if label is None:
        return read_molecules(files, column, max_invalid, cache, path.name)
    try:
        read = read_molecules(files, column, max_invalid, cache, path.name, (label,), label=label, binary=cut is None)
    except PropertyError as error:
        possible = [name for name in numeric_columns(files[0]) if all(name in numeric_columns(f) for f in files[1:])]
        raise InputError("dataset.label", label, f"{error.expected}; {would_do(possible, label)}") from None
    return with_classes(read, label, cut)
