"""Tables of people with one of their columns as the class: what the census data sets share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telltale.checks import choice
from telltale.data.compressed import LARGEST
from telltale.data.digests import digests_of, earliest
from telltale.data.tables.cells import lay_out, read_cells, to_features
from telltale.data.tables.records import Column, ReadTable, TableRecords, repeats
from telltale.errors import InputError


def read_people(
    files: Sequence[Path],
    columns: Sequence[Column],
    label: str,
    weight: str | None,
    source: str,
    largest: float = LARGEST,
) -> ReadTable:
    """Return the distinct rows of the files, the column `label` taken out of the features as the class.

    weight: a column to leave out, None = keep all; largest: GiB that a file may unpack to. Raises InputError where
    `label` is no column with levels, or the rows are none or of one class.
    """
    names = [column.name for column in columns]
    possible = [column.name for column in columns if column.kind != "numeric"]
    choice("dataset.label", label, possible, expected=f"expected one of {', '.join(possible)}")
    cells = read_cells(files, columns, largest)
    names_of_files = ", ".join(str(file) for file in files)
    if not len(cells.values):
        first = f"; first: {cells.invalid[0].reason}" if cells.invalid else ""
        raise InputError("dataset.root", names_of_files, f"none of {len(cells.invalid)} rows can be used{first}")
    classes = columns[names.index(label)].levels
    kept = [at for at, name in enumerate(names) if name not in (label, weight)]
    values, labels = cells.values[:, kept], cells.values[:, names.index(label)].astype(np.int64)
    if len(present := np.unique(labels)) < 2:
        fault = f"all {len(labels)} rows are of the class {classes[present[0]]}; expected another column or more rows"
        raise InputError("dataset.label", label, fault)
    earlier = earliest(digests_of(values))  # before the features are made: they take ten times the memory
    rows = np.flatnonzero(earlier == np.arange(len(earlier)))
    placed = lay_out([columns[at] for at in kept])
    records = TableRecords(to_features(values[rows], placed), labels[rows], source, classes, placed)
    differs = labels != labels[earlier]
    return ReadTable(
        records=records,
        lines=len(values) + len(cells.invalid),
        duplicates=len(values) - len(rows),
        conflicts=int(differs.sum()),
        invalid=cells.invalid,
        dropped=repeats(cells.places, earlier, differs),
    )
