"""Any molecules of the user's own: one file of SMILES, or a folder of them."""

from __future__ import annotations

from dataclasses import replace

from telltale.checks import yes_or_no
from telltale.data.compressed import LARGEST
from telltale.data.folders import Below, files_below, require_root
from telltale.data.molecules.classes import check_cut, with_classes, would_do
from telltale.data.molecules.rows import SUFFIXES, PropertyError, numeric_columns
from telltale.data.molecules.smiles_files import ReadMolecules, read_molecules
from telltale.errors import InputError
from telltale.writing import escaped

EXPECTED = f"a file that ends in {', '.join(SUFFIXES)}, or a folder with such files"


def load(
    root: str | None = None,
    column: str | None = None,
    label: str | None = None,
    cut: float | str | None = None,
    cache: str | None = None,
    max_invalid: float = 0.05,
    follow_links: bool = False,
    largest: float = LARGEST,
) -> ReadMolecules:
    """Return the molecules of the file `root`, or of all files below the folder `root`, sorted by path.

    column: SMILES column of .csv and .parquet files; label: their column of numbers that is the class, None = no
    classes; cut: where it is cut in two (see `with_classes`); follow_links: read also what links to outside of `root`
    lead to; largest: GiB that a file may unpack to. Raises InputError where there is nothing to read.
    """
    check_cut(cut, label)
    path = require_root(root, EXPECTED)
    yes_or_no("dataset.follow_links", follow_links)
    below = files_below(path, SUFFIXES, follow_links) if path.is_dir() else Below([path])
    files, told = below.files, tuple(below.account())
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    if label is None:
        read = read_molecules(files, column, max_invalid, cache, escaped(path.name), largest=largest)
        return replace(read, told=(*read.told, *told))
    try:
        read = read_molecules(
            files,
            column,
            max_invalid,
            cache,
            escaped(path.name),
            (label,),
            label=label,
            binary=cut is None,
            largest=largest,
        )
    except PropertyError as error:
        possible = [name for name in numeric_columns(files[0]) if all(name in numeric_columns(f) for f in files[1:])]
        raise InputError("dataset.label", label, f"{error.expected}; {would_do(possible, label)}") from None
    return with_classes(replace(read, told=(*read.told, *told)), label, cut)
