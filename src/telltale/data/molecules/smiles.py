"""Any molecules of the user's own: one file of SMILES, or a folder of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from telltale.checks import choice, yes_or_no
from telltale.data.compressed import LARGEST
from telltale.data.folders import Below, files_below, require_root
from telltale.data.given import KINDS
from telltale.data.loaded import Loaded
from telltale.data.molecules.classes import check_cut, with_classes, with_values, would_do
from telltale.data.molecules.given_molecules import Said, given_molecules
from telltale.data.molecules.rows import SUFFIXES, PropertyError, numeric_columns
from telltale.data.molecules.smiles_files import ReadMolecules, read_molecules
from telltale.data.molecules.views import VIEWS, seen_as
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
    members: str | None = None,
    id: str | None = None,
    group: str | None = None,
    kind: str = "auto",
    view: str = "graph",
) -> Loaded[Any]:
    """Return the molecules of the file `root`, or of all files below the folder `root`, sorted by path.

    column: SMILES column of .csv and .parquet files; label: their column of numbers that is the class, None = no
    classes; cut: where it is cut in two (see `with_classes`); follow_links: read also what links to outside of `root`
    lead to; largest: GiB that a file may unpack to; members, id, group, kind: what is said of each line (see `Said`),
    where a value with a fraction stays one unless `cut` is given; view: graph | morgan, see `seen_as`.
    Raises InputError where there is nothing to read.
    """
    check_cut(cut, label)
    choice("dataset.kind", kind, KINDS)
    choice("dataset.view", view, VIEWS)
    path = require_root(root, EXPECTED)
    yes_or_no("dataset.follow_links", follow_links)
    below = files_below(path, SUFFIXES, follow_links) if path.is_dir() else Below([path])
    files, told = below.files, tuple(below.account())
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    labelled = () if label is None else (label,)
    named = column, max_invalid, cache, escaped(path.name), labelled
    try:
        read = read_molecules(files, *named, label=label, binary=label is not None and cut is None, largest=largest)
    except PropertyError as error:
        possible = [name for name in numeric_columns(files[0]) if all(name in numeric_columns(f) for f in files[1:])]
        raise InputError("dataset.label", label, f"{error.expected}; {would_do(possible, str(label))}") from None
    read = replace(read, told=(*read.told, *told), records=replace(read.records, ids=_ids(read)))
    said = Said(members, id, group, kind)
    if said.anything:
        given, more = given_molecules(files, read, said, column, label, cut, largest)
        read = replace(read, told=(*read.told, *more)).with_given(given)
    if label is not None:
        real = read.given is not None and read.given.real
        read = with_values(read, label) if real else with_classes(read, label, cut)
    return seen_as(read, view)


def _ids(read: ReadMolecules) -> np.ndarray:
    """Name each molecule by the file and line where it came first."""
    assert read.places is not None
    return np.array([f"{read.files[file].name}:{line}" for file, line in read.places.tolist()], dtype=str)
