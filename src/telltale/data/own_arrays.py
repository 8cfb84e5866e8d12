"""Arrays of your own in an .npz file: x and y, and perhaps who was a member, names and groups."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np

from telltale.data.folders import require_root
from telltale.data.given import Given, classes_of, groups_of_values, numbers_of
from telltale.data.images.records import ImageRecords
from telltale.data.images.records import distinct as distinct_pictures
from telltale.data.loaded import Loaded
from telltale.data.members import with_said
from telltale.data.tables.records import Column, TableRecords
from telltale.data.tables.records import distinct as distinct_rows
from telltale.errors import InputError

EXPECTED = "an .npz file with x (records first) and y, and perhaps member, id and group"


def load(root: str | None = None, members: str | None = None) -> Loaded[Any]:
    """Return the arrays of an .npz file: x (n, …), y (n,) classes or real values, member, id and group (n,).

    x of two axes is a table, of three or four pictures: (n, height, width) or (n, channels, height, width), which may
    be (n, height, width, channels). members: a file of ids or row numbers in place of the array `member`.
    Raises InputError for what does not fit together.
    """
    path = require_root(root, EXPECTED)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(
            "dataset.root", root, f"cannot be read without pickles ({error}); expected {EXPECTED}"
        ) from None
    if "x" not in arrays:
        there = ", ".join(arrays) or "nothing"
        raise InputError("dataset.root", root, f"holds {there}; expected {EXPECTED}")
    number = len(arrays["x"])
    for name in ("y", "member", "id", "group"):
        if name in arrays and arrays[name].shape != (number,):
            raise InputError(
                "dataset.root", root, f"{name} is {arrays[name].shape}; expected ({number},), one a record"
            )
    given = with_said(given_of(arrays["x"], arrays.get("y"), path.name, arrays.get("id"), arrays.get("group")), members)
    if members is None and "member" in arrays:
        given = given.with_members(arrays["member"].astype(bool))
    return loaded_of(given)


def given_of(x: Any, y: Any = None, source: str = "your records", ids: Any = None, groups: Any = None) -> Given:
    """Return records from x, an array, a data frame or a list of SMILES, and y, classes or real values or None."""
    labels, classes = (None, ()) if y is None else classes_of(np.asarray(y))
    names = np.arange(len(x)).astype(str) if ids is None else np.asarray(ids).astype(str)
    groups = None if groups is None else groups_of_values(groups)
    return Given(x, source, names, labels, classes, None, groups, numbers_of(x))


def loaded_of(given: Given) -> Loaded[Any]:
    """Return records of ours too, distinct ones, where there are classes: for a recipe, and for the page."""
    if given.labels is None or given.real:
        return Loaded(records=None, lines=len(given), given=given)
    x = given.inputs
    if x.ndim == 2:
        columns = tuple(Column(f"x{at}", "numeric", at, at + 1) for at in range(x.shape[1]))
        table = TableRecords(scaled(x), given.labels, given.source, given.classes, columns)
        read: Loaded[Any] = distinct_rows(table)
        records: Any = table
    elif x.ndim in (3, 4):
        pixels = as_pixels(x)
        records = ImageRecords(pixels, given.labels, given.source, given.classes)
        read = distinct_pictures(pixels, given.labels, given.source, given.classes)
    else:
        raise InputError(
            "dataset.root", given.source, f"x is {x.shape}; expected two axes (a table) to four (pictures)"
        )
    return read.with_given(replace_records(given, records))


def scaled(x: np.ndarray) -> np.ndarray:
    """Scale each column to [0, 1] by its range: (n, width) float32."""
    low, high = x.min(0), x.max(0)
    return ((x - low) / np.where(high > low, high - low, 1)).astype(np.float32)


def as_pixels(x: np.ndarray) -> np.ndarray:
    """Return pictures as (n, channels, height, width), uint8 as it is, other numbers scaled to [0, 1] float32."""
    if x.ndim == 3:
        x = x[:, None]
    elif x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = np.moveaxis(x, 3, 1)
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x)
    low, high = float(x.min()), float(x.max())
    if low >= 0 and high <= 1:
        return np.ascontiguousarray(x, dtype=np.float32)
    return np.ascontiguousarray((x - low) / max(high - low, 1e-12), dtype=np.float32)


def replace_records(given: Given, records: Any) -> Given:
    """Return the same with its records of ours."""
    from dataclasses import replace

    return replace(given, records=records)
