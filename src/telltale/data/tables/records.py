"""Tables as records: rows of numbers with their labels, and what the numbers mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np

from telltale.data.digests import digests_of, earliest_input, once, with_known_digests
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.records import check_labels, input_digests, require_labels


@dataclass(frozen=True)
class Column:
    """Which slice of the features a column of the source takes, and how to read it back.

    name    of the column
    kind    numeric = one feature x, its value is low + x (high - low) | binary = one feature, 0 or 1 for levels[0]
            or levels[1] | categorical = one feature a level, 1 for the one that holds (one-hot)
    start   its first feature
    stop    the first feature after it
    levels  of binary and categorical columns
    low     of numeric columns
    high    the same
    whole   whether the value of a numeric column is rounded
    """

    name: str
    kind: Literal["numeric", "binary", "categorical"]
    start: int
    stop: int
    levels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    whole: bool = False


@dataclass(frozen=True, eq=False)
class TableRecords:
    """An ordered set of n rows.

    features  (n, width) float32, numeric columns scaled to [0, 1] by their range
    labels    (n,) int64, the class of each
    source    the data set, as printed beside every figure
    classes   their names, a label is a position there
    columns   what the features stand for, which together take all of them, from left to right
    ids       (n,) text, what their owner calls them; None = nothing
    """

    features: np.ndarray
    labels: np.ndarray
    source: str
    classes: tuple[str, ...]
    columns: tuple[Column, ...]
    ids: np.ndarray | None = None
    kind: str = field(default="table", init=False)

    def __post_init__(self) -> None:
        check_labels(len(self.features), self.labels, self.classes)
        if self.features.ndim != 2 or self.features.shape[1] != self.columns[-1].stop:
            raise ValueError(f"features are {self.features.shape}, but the columns end at {self.columns[-1].stop}")

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.features)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one row: (width,)."""
        return self.features.shape[1:]

    def take(self, rows: np.ndarray) -> Self:
        """Return the rows at `rows` (indices or a boolean mask), in that order."""
        ids = None if self.ids is None else self.ids[rows]
        return with_known_digests(
            replace(self, features=self.features[rows], labels=self.labels[rows], ids=ids), self, rows
        )

    @once("_fingerprints_kept")
    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each row with its label, (n,) dtype S16."""
        return digests_of(self.features, self.labels)

    def arrays(self) -> Self:
        """Return the records themselves: they are plain arrays already."""
        return self


@input_digests.register
@once("_input_digests_kept")
def _(records: TableRecords) -> np.ndarray:
    """Digest the features; only sets with the same columns can share a row."""
    return digests_of(records.features)


@dataclass(frozen=True, eq=False, kw_only=True)
class ReadTable(Loaded[TableRecords]):
    """What was read: distinct rows, and what became of the rest."""


def distinct(
    records: TableRecords, invalid: tuple[InvalidRecord, ...] = (), places: Sequence[tuple[Path, int]] = ()
) -> ReadTable:
    """Keep the first of rows with equal features, whatever their labels.

    places: file and line of each row, so that those left out can be listed. Raises InputError where all are of one
    class.
    """
    first = earliest_input(records.features)
    distinct_rows = first == np.arange(len(first))
    kept = records if distinct_rows.all() else records.take(distinct_rows)
    require_labels(kept)
    differs = records.labels != records.labels[first]
    return ReadTable(
        records=kept,
        lines=len(records) + len(invalid),
        duplicates=len(records) - len(kept),
        conflicts=int(differs.sum()),
        invalid=invalid,
        dropped=repeats(places, first, differs) if places else (),
    )


def repeats(places: Sequence[tuple[Path, int]], first: np.ndarray, differs: np.ndarray) -> tuple[InvalidRecord, ...]:
    """List the rows that equal an earlier one; places: file and line of each.

    first: (rows,) the position of the earliest that is equal; differs: (rows,) whether its label is another.
    """
    listed = []
    for row in np.flatnonzero(first != np.arange(len(first))).tolist():
        file, line = places[first[row]]
        reason = f"the same row as {file.name}:{line}" + (f", {ReadTable.differing}" if differs[row] else "")
        listed.append(InvalidRecord(places[row][0], reason, places[row][1]))
    return tuple(listed)
