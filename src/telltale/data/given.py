"""What the owner of a data set says of each record: its name, its true value, whether a model was trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from pathlib import Path
from typing import Any, Self

import numpy as np

from telltale.checks import choice
from telltale.errors import InputError

MORGAN_BITS = 512
KINDS = ("auto", "classes", "values")  # of a label
TRUE = ("1", "true", "yes", "member", "in", "train")
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
    groups    (n,) int64, records of one person, scaffold or document; None = each for itself
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
    """Return the inputs at `rows`: of an array, a data frame or a list."""
    return inputs.iloc[rows] if hasattr(inputs, "iloc") else inputs[rows]


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


def groups_of_values(values: Sequence[Any]) -> np.ndarray:
    """Number the distinct values, each missing one (NaN, "") by itself: (n,) int64."""
    array = np.asarray(values)
    words = array.astype(str)
    absent = words == "" if array.dtype.kind != "f" else np.isnan(array)
    if absent.any():
        return groups_of([None if gone else word for gone, word in zip(absent, words.tolist(), strict=True)])
    return np.unique(words, return_inverse=True)[1].astype(np.int64)


def groups_of(values: Sequence[Any]) -> np.ndarray:
    """Number the distinct values, each missing one (None, "") by itself: (n,) int64.

    >>> groups_of(["a", None, "a", None])
    array([0, 1, 0, 2])
    """
    place: dict[str, int] = {}
    keys = (f"row {row}" if value in (None, "") else f"= {value}" for row, value in enumerate(values))
    return np.array([place.setdefault(key, len(place)) for key in keys], np.int64)


def texts_of(inputs: Any) -> list[str] | None:
    """Return records that are one text each, of a list, an array or a series; None for what is none of these."""
    several = np.ndim(inputs) != 1 if hasattr(inputs, "dtype") else not isinstance(inputs, list)
    if several or not len(inputs):
        return None
    texts = inputs.tolist() if hasattr(inputs, "tolist") else inputs
    return texts if all(isinstance(text, str) for text in texts) else None


def numbers_of(inputs: Any) -> np.ndarray | None:
    """Return records as plain numbers, (n, width) float32: arrays flattened, SMILES as Morgan counts, frames by column.

    None for what is none of these.
    """
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind in "fiub":
        return inputs.reshape(len(inputs), -1).astype(np.float32)
    if hasattr(inputs, "numbers"):
        return np.asarray(inputs.numbers(), np.float32)
    if isinstance(inputs, list) and inputs and isinstance(inputs[0], str):
        return morgan_counts(inputs)
    if hasattr(inputs, "iloc"):
        return _numbers_of_frame(inputs)
    return None


def morgan_counts(smiles: Sequence[str], bits: int = MORGAN_BITS) -> np.ndarray:
    """Return Morgan fingerprints of radius 2 as counts, (n, bits) float32. Raises InputError for a bad SMILES."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=bits)
    counts = np.zeros((len(smiles), bits), np.float32)
    with rdBase.BlockLogs():
        for row, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text)
            if molecule is None:
                raise InputError("dataset.smiles", repr(text), f"row {row}: expected a SMILES that RDKit can read")
            counts[row] = generator.GetCountFingerprintAsNumPy(molecule)
    return counts


def _numbers_of_frame(frame: Any) -> np.ndarray:
    import pandas as pd

    columns = []
    for name in frame.columns:
        column = frame[name]
        numeric = pd.api.types.is_numeric_dtype(column)
        values = column.astype(float) if numeric else pd.Series(pd.factorize(column)[0]).astype(float)
        columns.append(values.to_numpy(np.float32))
    return np.stack(columns, 1) if columns else np.zeros((len(frame), 0), np.float32)


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
