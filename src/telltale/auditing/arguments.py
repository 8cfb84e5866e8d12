"""What was handed over from Python, held against itself: as many labels, names and groups as records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from telltale.errors import InputError
from telltale.writing import counted


def side(argument: str, given: Any, unlabelled: bool = False) -> tuple[Any, np.ndarray | None, int]:
    """Return records, their labels and how many they are, of a pair (X, y); labels of shape (n, 1) are (n,).

    unlabelled: y may be None. Raises InputError, naming the argument, for what is no pair, where the labels are not one
    a record, and where one is missing.
    """
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InputError(argument, type(given).__name__, "expected a pair (X, y): records and their labels")
    records, number = given[0], count(argument, given[0])
    if given[1] is None and unlabelled:
        return records, None, number
    labels = column(given[1])
    if labels.shape != (number,):
        fits = f"X has {counted(number, 'record')}, y is {labels.shape}; expected one label a record, ({number},)"
        raise InputError(argument, "(X, y)", fits)
    if labels.dtype == object and (missing := [row for row, label in enumerate(labels.tolist()) if label is None]):
        raise InputError(argument, "(X, y)", f"y[{missing[0]}] is None; leave the record out")
    return records, labels, number


def of_both(argument: str, given: Sequence[Any] | None, numbers: tuple[int, int]) -> list[Any] | None:
    """Return what is said of the members' records, then of the others', as one list; None where nothing is.

    Raises InputError, naming the argument, for what is no pair and where it is not one a record.
    """
    if given is None:
        return None
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InputError(argument, type(given).__name__, "expected a pair: those of the members, those of the others")
    for name, values, number in zip(("members", "others"), given, numbers, strict=True):
        one_each(argument, values, number, f"of the {name}")
    return [value for values in given for value in column(values).tolist()]


def one_each(argument: str, values: Any, number: int, whose: str = "") -> None:
    """Raise InputError, naming the argument, unless there is one value a record: (number,)."""
    if values is None:
        return
    shape = column(values).shape
    if shape != (number,):
        of = f"{whose} " if whose else ""
        raise InputError(argument, f"{of}an array {shape}", f"expected one a record, ({number},)")


def column(values: Any) -> np.ndarray:
    """Return values as an array, (n, 1) as (n,)."""
    array = np.asarray(values)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def count(argument: str, records: Any) -> int:
    """Count records. Raises InputError for what has no length."""
    try:
        return int(records.shape[0]) if getattr(records, "shape", ()) else len(records)
    except TypeError:
        raise InputError(
            argument, type(records).__name__, "expected records: an array, a data frame or a list"
        ) from None


def joined(first: Any, second: Any) -> Any:
    """Return the records of members, then those of others.

    Raises InputError for records of two kinds, and data frames of other columns.
    """
    if type(first) is not type(second):
        raise InputError(
            "others", type(second).__name__, f"records of the same type as members: {type(first).__name__}"
        )
    if hasattr(first, "columns"):
        lacking = first.columns.symmetric_difference(second.columns, sort=False)
        if len(lacking):
            shown = ", ".join(map(str, lacking[:3]))
            raise InputError("others", shown, "the same columns as members: these are on one side only")
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat([first, second], ignore_index=True)
    if isinstance(first, list):
        return [*first, *second]
    first, second = np.asarray(first), np.asarray(second)
    if first.shape[1:] != second.shape[1:]:
        expected = f"records of the same shape as members: {first.shape[1:]}"
        raise InputError("others", second.shape[1:], expected)
    return np.concatenate([first, second])


def numbers(argument: str, values: Any) -> np.ndarray:
    """Return values as float32. Raises InputError, naming the argument, for what is no array of numbers."""
    try:
        return np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(argument, type(values).__name__, f"expected numbers, (points, width) ({error})") from None
