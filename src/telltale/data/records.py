"""What every kind of data set looks like to the rest of the project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch
from typing import Any, Protocol, Self, TypeVar, cast

import numpy as np

from telltale.errors import InputError


class Records(Protocol):
    """An ordered set of records of one kind; immutable, cheap to slice.

    kind: "molecules", "images", "table", …; source: the name printed beside every figure.
    """

    @property
    def kind(self) -> str:
        """Name the kind of data."""
        ...

    @property
    def source(self) -> str:
        """Name the data set, as printed beside every figure."""
        ...

    def __len__(self) -> int:
        """Count the records."""
        ...

    def take(self, rows: np.ndarray) -> Self:
        """Return the records at `rows`, in that order, with all that belongs to them."""
        ...

    def fingerprints(self) -> np.ndarray:
        """Return one 16-byte digest a record, (n,) dtype S16, of its input and its label, where it has one.

        Equal records have equal digests; one input under two labels has two.
        """
        ...

    def arrays(self) -> Any:
        """Return the records as the plain arrays a model is fed from."""
        ...


class LabelledRecords(Records, Protocol):
    """Records with a class each, for supervised models.

    Images and tables also have `shape`, one record as a model sees it: (channels, height, width) or (width,).
    """

    @property
    def labels(self) -> np.ndarray:
        """Return the class of each record, (n,) int64, an index into `classes`."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Name the classes; a label is a position here."""
        ...


R = TypeVar("R")


@singledispatch
def input_digests(records: Any) -> np.ndarray:
    """Return one 16-byte digest a record of what a model is fed, without any label: (n,) dtype S16.

    Equal inputs have equal digests in all data sets of one class of records, each of which says what its input is;
    records without labels have their fingerprints.
    """
    if getattr(records, "labels", None) is not None:
        raise TypeError(f"what the input of {type(records).__name__} is, apart from its labels, is not known")
    return records.fingerprints()


def found_in(records: Records, other: Records) -> np.ndarray:
    """Tell which inputs of `records` are among those of `other`, whatever the labels there: (records,) bool."""
    digests = set(input_digests(other).tolist())
    return np.array([digest in digests for digest in input_digests(records).tolist()], bool)


def shared_inputs(first: Records, second: Records) -> int:
    """Count the records of `first` whose input is in `second`, too."""
    return int(found_in(first, second).sum())


def require_labels(records: Records, field: str = "dataset", value: object = None) -> LabelledRecords:
    """Return `records` for supervised use. Raises InputError where they have no labels or are all of one class.

    value: of the option that is named; None = the data set.
    """
    value = records.source if value is None else value
    labels = getattr(records, "labels", None)
    if labels is None:
        option = "downstream.dataset.label" if field == "downstream" else "dataset.label"
        raise InputError(field, value, f"has no labels; choose a labelled data set or set {option}")
    if len(records) and (labels == labels[0]).all():
        name = cast(LabelledRecords, records).classes[labels[0]]
        raise InputError(field, value, f"all {len(records):,} records are of the class {name}; needs two")
    return cast(LabelledRecords, records)


def of_classes(records: R, which: Sequence[int]) -> R:
    """Return the records of the classes `which`, in their order here, labelled by the position in `which`.

    Raises InputError unless these are two or more different classes.
    """
    of, labels = cast(Any, records), list(which)
    count = len(of.classes)
    if len(set(labels)) != len(labels) or len(labels) < 2 or not set(labels) <= set(range(count)):
        expected = f"expected two or more different classes of {of.source}, from 0 to {count - 1}"
        raise InputError("downstream", labels, expected)
    position = np.full(count, -1)
    position[labels] = np.arange(len(labels))
    part = of.take(position[of.labels] >= 0)
    of_part = {"labels": position[part.labels], "classes": tuple(of.classes[label] for label in labels)}
    return replace(part, **of_part, source=f"{of.source}, {len(labels)} of {count} classes")


def check_labels(count: int, labels: np.ndarray, classes: tuple[str, ...]) -> None:
    """Raise ValueError unless `labels` are `count` int64 positions in `classes`."""
    if labels.shape != (count,) or labels.dtype != np.int64:
        raise ValueError(f"labels are {labels.dtype} {labels.shape}, expected int64 ({count},)")
    if count and not (labels.min() >= 0 and labels.max() < len(classes)):
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, but there are {len(classes)} classes")
