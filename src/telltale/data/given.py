"""What the owner of a data set says of each record: its name, its true value, whether a model was trained on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch
from pathlib import Path
from typing import Any, Self

import numpy as np

from telltale.checks import choice
from telltale.errors import InputError

KINDS = ("auto", "classes", "values")  # of a label
TRUE = ("1", "true", "yes", "member", "in", "train")
NOBODY = ("", "none", "nan", "nat", "<na>", "null")  # a group that is missing, however it became a text
FALSE = ("0", "false", "no", "non-member", "out", "test", "val", "valid", "validation")


@dataclass(frozen=True, eq=False)
class Given:
    """n records as their owner has them, none dropped, in the owner's order.

    inputs    what a model of the owner's takes: an array, a data frame, a list of SMILES, pictures kept as bytes until
              they are asked for (`Pixels`); `taken` slices them by rows
    source    the data set, as printed beside every figure
    ids       (n,) text, what the owner calls each record: a file's path, a row number, a column's value
    labels    (n,) int64, the class of each; of real-valued targets (n,) float64; None = not given
    classes   names of the classes; empty: labels are real values, or none are given
    member    (n,) bool, the model was trained on it; None = not said
    groups    (n,) int64, records of one person, scaffold or document, below 0 where it is not said, each by itself;
              None = nothing is said of any
    features  (n, width) float32, the records as plain numbers, for a detector that never asks the model
    records   the same as `Records`, for the page; None = not at hand
    """

    inputs: Any
    source: str
    ids: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    member: np.ndarray | None = None
    groups: np.ndarray | None = None
    features: np.ndarray | None = None
    records: Any = None

    def __len__(self) -> int:
        """Count the records."""
        return len(self.ids)

    @property
    def real(self) -> bool:
        """Whether the true values are real numbers, not classes."""
        return self.labels is not None and not self.classes

    def take(self, rows: np.ndarray) -> Self:
        """Return the records at `rows`, in that order."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        names = ("ids", "labels", "member", "groups", "features")
        arrays: dict[str, Any] = {name: None if (of := getattr(self, name)) is None else of[rows] for name in names}
        records = None if self.records is None else self.records.take(rows)
        inputs = self.inputs.cut(rows) if hasattr(self.inputs, "cut") else taken(self.inputs, rows)
        return replace(self, inputs=inputs, records=records, **arrays)

    def with_members(self, member: np.ndarray) -> Self:
        """Return the same records with what is said of them. Raises InputError where all or none are members."""
        if not 0 < int(member.sum()) < len(member):
            what = "all" if member.all() else "none"
            raise InputError("dataset.members", self.source, f"{what} of {len(member)} records are members; needs both")
        return replace(self, member=member)


@singledispatch
def taken(inputs: Any, rows: np.ndarray) -> Any:
    """Return the inputs at `rows`: of an array, a data frame or a list.

    A frame's index goes: it says where a record lay, and members often lie first.
    """
    return inputs.iloc[rows].reset_index(drop=True) if hasattr(inputs, "iloc") else inputs[rows]


@taken.register(list)
def _(inputs: list[Any], rows: np.ndarray) -> list[Any]:
    return [inputs[row] for row in rows.tolist()]


def classes_of(labels: np.ndarray, kind: str = "auto") -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels as positions and the names of the classes; real values stay as they are, without classes.

    Whole numbers, words and booleans are classes; numbers with a fraction are values. kind: classes or values in place
    of this rule. Raises InputError for labels that are no numbers where values are asked for.

    >>> classes_of(np.array(["cat", "dog", "cat"]))
    (array([0, 1, 0]), ('cat', 'dog'))
    >>> classes_of(np.array([0.5, 2.0]))[1]
    ()
    """
    labels = np.asarray(labels)
    if choice("dataset.kind", kind, KINDS) == "values":
        try:
            labels = labels.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InputError("dataset.kind", kind, f"the label is no number ({error}); expected classes") from None
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            row = int(np.flatnonzero(~np.isfinite(labels))[0])
            raise InputError("dataset.label", labels[row], f"of row {row} is not a number; leave the row out")
        whole = bool((labels == np.rint(labels)).all())
        if kind == "values" or (kind == "auto" and not whole):
            return labels.astype(np.float64), ()
        labels = labels.astype(np.int64) if whole else labels
    names, places = np.unique(labels, return_inverse=True)
    if labels.dtype.kind in "iu" and names[0] >= 0 and names[-1] < len(names):
        return labels.astype(np.int64), tuple(str(name) for name in range(len(names)))
    return places.astype(np.int64), tuple(str(name) for name in names)


def names_of(first: Any, second: Any) -> np.ndarray:
    """Name records of members and of others: by the index of their data frames, else by side and row.

    (n,) text, members first. An index that counts rows, or has one name twice, names nobody.
    """
    if all(hasattr(of, "iloc") and type(of.index).__name__ != "RangeIndex" for of in (first, second)):
        names = np.array([str(name) for of in (first, second) for name in of.index])
        if len(np.unique(names)) == len(names):
            return names
    sides = (("member", len(first)), ("other", len(second)))
    return np.array([f"{side} {row}" for side, number in sides for row in range(number)])


def groups_of(values: Any) -> np.ndarray:
    """Number the distinct values of a sequence from 0: (n,) int64.

    One that is missing (None, NaN, "") is by itself, with a number below 0.

    >>> groups_of(["b", None, "a", "b", ""]).tolist()
    [1, -1, 0, 1, -2]
    """
    array = np.asarray(values)
    if array.dtype.kind in "iub":
        return np.unique(array, return_inverse=True)[1].reshape(-1).astype(np.int64)
    words = np.array([str(value).strip() for value in array.tolist()], dtype=object)
    absent = np.array([word.lower() in NOBODY for word in words.tolist()], bool)
    groups = -np.cumsum(absent)
    groups[~absent] = np.unique(words[~absent], return_inverse=True)[1]
    return groups.astype(np.int64)


def as_membership(field: str, values: np.ndarray, path: Path | str) -> np.ndarray:
    """Return true and false of numbers 1 and 0 or of words, any shape. Raises InputError for anything else."""
    if values.dtype == bool:
        return values
    words = np.char.lower(np.char.strip(values.astype(str)))
    words = np.where(np.char.endswith(words, ".0"), np.char.rstrip(np.char.rstrip(words, "0"), "."), words)
    inside, outside = np.isin(words, TRUE), np.isin(words, FALSE)
    if not (inside | outside).all():
        place = tuple(int(at) for at in np.argwhere(~(inside | outside))[0])
        shown = f"{values[place]!s} at {place[0] if len(place) == 1 else place}"
        raise InputError(field, path, f"is {shown}; expected 1 and 0, true and false, or yes and no")
    return np.asarray(inside)
