"""Arrays of your own in an .npz file: x and y, and perhaps who was a member, names and groups."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from telltale.checks import choice
from telltale.data.compressed import LARGEST, require_npz_size
from telltale.data.folders import require_root
from telltale.data.given import KINDS, Given, as_membership, classes_of, groups_of
from telltale.data.images.records import ImageRecords
from telltale.data.images.records import distinct as distinct_pictures
from telltale.data.loaded import Loaded
from telltale.data.members import with_said
from telltale.data.plain_numbers import numbers_of
from telltale.data.tables.inferred import featurised
from telltale.data.tables.records import Column, TableRecords
from telltale.data.tables.records import distinct as distinct_rows
from telltale.errors import InputError

EXPECTED = "an .npz file with x (records first) and y, and perhaps member, id and group"


def load(
    root: str | None = None, members: str | None = None, kind: str = "auto", largest: float = LARGEST
) -> Loaded[Any]:
    """Return the arrays of an .npz file: x (n, …), y (n,) classes or real values, member, id and group (n,).

    x of two axes is a table, of three or four pictures: (n, height, width) or (n, channels, height, width), which may
    be (n, height, width, channels). A model of the owner's is handed x as it is. members: an array of another name
    than `member`, or a file of ids or row numbers; kind: of y, classes | values | auto, see `classes_of`.
    largest: GiB that the file may unpack to. Raises InputError for what does not fit together.
    """
    choice("dataset.kind", kind, KINDS)
    path = require_root(root, EXPECTED)
    arrays = _arrays(path, largest)
    number = len(arrays["x"]) if arrays["x"].ndim else 0
    said = members if members in arrays else "member" if members is None else ""
    for name in ("y", "id", "group", said):
        if name in arrays and arrays[name].shape != (number,):
            fits = f"{name} is {arrays[name].shape}; expected ({number},), one a record"
            raise InputError("dataset.root", path, fits)
    if not number or not arrays["x"].size or arrays["x"].ndim < 2 or arrays["x"].dtype.kind not in "fiub":
        shown = f"x is {arrays['x'].dtype} {arrays['x'].shape}"
        raise InputError("dataset.root", path, f"{shown}; expected numbers, records first")
    for name in ("y", "id", "group"):
        if name in arrays and arrays[name].dtype.kind not in "fiubUS":
            raise InputError("dataset.root", path, f"{name} is {arrays[name].dtype}; expected numbers or text")
        if name in arrays and arrays[name].dtype.kind == "S":
            arrays[name] = np.array([cell.decode("utf-8", "replace") for cell in arrays[name].tolist()], dtype=str)
    bad = ~np.isfinite(arrays["x"].reshape(number, -1)).all(1)
    if arrays["x"].ndim > 2 and bad.any():
        fault = f"picture {np.argmax(bad)} of x holds what is no finite number ({bad.sum():,} such)"
        raise InputError("dataset.root", path, fault)
    given = given_of(arrays["x"], arrays.get("y"), path.name, arrays.get("id"), arrays.get("group"), kind)
    if said in arrays:
        return loaded_of(given.with_members(as_membership("dataset.members", arrays[said], path)))
    there = ", ".join(name for name in arrays if name not in ("x", "y"))
    return loaded_of(with_said(given, members, or_else=f"an array of the file ({there}), or " if there else ""))


def _arrays(path: Path, largest: float) -> dict[str, np.ndarray]:
    try:
        require_npz_size(path, largest)
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, AttributeError, TypeError) as error:
        fault = f"cannot be read without pickles ({error}); expected {EXPECTED}"
        raise InputError("dataset.root", path, fault) from None
    if "x" not in arrays:
        raise InputError("dataset.root", path, f"holds {', '.join(arrays) or 'nothing'}; expected {EXPECTED}")
    return arrays


def given_of(
    x: Any, y: Any = None, source: str = "your records", ids: Any = None, groups: Any = None, kind: str = "auto"
) -> Given:
    """Return records from x, an array, a data frame or a list of SMILES, and y, classes or real values or None."""
    labels, classes = (None, ()) if y is None else classes_of(np.asarray(y), kind)
    names = np.arange(len(x)).astype(str) if ids is None else np.asarray(ids).astype(str)
    groups = None if groups is None else groups_of(groups)
    return Given(x, source, names, labels, classes, None, groups, numbers_of(x)[0])


def loaded_of(given: Given) -> Loaded[Any]:
    """Return records of ours too, distinct ones, where there are classes: for a recipe, and for the page."""
    x = given.inputs
    gaps = isinstance(x, np.ndarray) and x.ndim == 2 and not np.isfinite(x).all()
    made = featurised(pd.DataFrame(np.where(np.isfinite(x), x, np.nan)).add_prefix("x")) if gaps else None
    read: Loaded[Any]
    records: Any
    told = () if made is None else made.told
    given = given if made is None else replace(given, features=made.features)
    if given.labels is None or given.real:
        return Loaded(records=None, lines=len(given), given=given, told=told)
    if made is not None:
        table = TableRecords(made.features, given.labels, given.source, given.classes, made.columns, given.ids)
        read, records = distinct_rows(table), table
    elif x.ndim == 2:
        columns = tuple(Column(f"x{at}", "numeric", at, at + 1) for at in range(x.shape[1]))
        table = TableRecords(scaled(x), given.labels, given.source, given.classes, columns, given.ids)
        read, records = distinct_rows(table), table
    elif x.ndim in (3, 4):
        pixels = as_pixels(x)
        records = ImageRecords(pixels, given.labels, given.source, given.classes, ids=given.ids)
        read = distinct_pictures(pixels, given.labels, given.source, given.classes, ids=given.ids)
    else:
        raise InputError(
            "dataset.root", given.source, f"x is {x.shape}; expected two axes (a table) to four (pictures)"
        )
    return replace(read, told=told).with_given(replace(given, records=records))


def scaled(x: np.ndarray) -> np.ndarray:
    """Scale each column to [0, 1] by its range: (n, width) float32."""
    x = _wide(x)
    low, high = x.min(0), x.max(0)
    return ((x - low) / np.where(high > low, high - low, 1)).astype(np.float32)


def _wide(x: np.ndarray) -> np.ndarray:
    """Return numbers whose range is one of their kind, too: that of int8 is not."""
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float64)


def as_pixels(x: np.ndarray) -> np.ndarray:
    """Return pictures as (n, channels, height, width), uint8 as it is, other numbers scaled to [0, 1] float32."""
    if x.ndim == 3:
        x = x[:, None]
    elif x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = np.moveaxis(x, 3, 1)
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x)
    x = _wide(x)
    low, high = float(x.min()), float(x.max())
    if low >= 0 and high <= 1:
        return np.ascontiguousarray(x, dtype=np.float32)
    return np.ascontiguousarray((x - low) / max(high - low, 1e-12), dtype=np.float32)
