"""A CSV or parquet table of your own: kinds of columns are inferred and told, missing values kept as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from telltale.checks import choice
from telltale.data.compressed import LARGEST
from telltale.data.folders import require_root
from telltale.data.given import KINDS, Given, as_membership, classes_of, groups_of
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.members import with_said
from telltale.data.tables.csv_files import EXPECTED, Frame, read_frame
from telltale.data.tables.inferred import featurised, shown
from telltale.data.tables.records import TableRecords, distinct
from telltale.data.tables.tidy import composed, stripped, tidied, with_named_classes
from telltale.errors import InputError


def load(
    root: str | None = None,
    label: str | None = None,
    members: str | None = None,
    id: str | None = None,
    group: str | None = None,
    drop: Sequence[str] | str | None = None,
    kind: str = "auto",
    largest: float = LARGEST,
) -> Loaded[Any]:
    """Return the rows of a table.

    label: column of the class, or of the real value, that a model predicts; kind: classes | values | auto, see
    `classes_of`; members: column that says who was trained on (1/0, true/false, train/test), or a file of ids or row
    numbers; id: column by which a row is named, its number without; group: column of the person or document, whose
    rows stay together; drop: columns to leave out; largest: GiB that a file may unpack to.
    Raises InputError for columns that are not there, and a table that cannot be read.
    """
    path = require_root(root, EXPECTED)
    choice("dataset.kind", kind, KINDS)
    names = [column for column in (id, group) if column not in (None, label)]
    read = read_frame(path, largest, [str(column) for column in names], label)
    drop = [drop] if isinstance(drop, str) else list(drop or [])
    named = {"label": label, "id": id, "group": group, "members": members if members in read.table.columns else None}
    _require_columns(read.table, [*named.items(), *(("drop", column) for column in drop)], members)
    read = with_named_classes(tidied(read, {label: composed, group: composed, id: stripped}, label), label)
    values, unlabelled = _labels(read, label, path)
    kept = np.setdiff1d(np.arange(len(read.table)), unlabelled)
    frame = read.table.iloc[kept].reset_index(drop=True) if len(unlabelled) else read.table
    invalid = read.invalid + tuple(InvalidRecord(path, f"{label} is empty", int(read.lines[row])) for row in unlabelled)
    inputs = frame.drop(columns=[column for column in {*named.values(), *drop} if column is not None])
    made = featurised(inputs)
    labels, classes = (None, ()) if values is None else classes_of(values[kept], kind)
    rows = np.arange(len(read.table)).astype(str)
    every_id = rows if id is None else np.asarray(read.table[id].astype(str).str.strip(), dtype=str)
    ids = every_id[kept]
    groups = None if group is None else groups_of(frame[group].where(frame[group].notna(), None))
    given = Given(inputs, path.name, ids, labels, classes, None, groups, made.features)
    if named["members"] is not None:
        words = np.asarray(frame[named["members"]].astype(str), dtype=str)
        given = given.with_members(as_membership("dataset.members", words, path))
    else:
        given = with_said(given, members, every_id, kept)
    told = (*read.told, *made.told, *_kind_told(label, labels, classes))
    if labels is None or not classes:
        return Loaded(records=None, lines=len(frame) + len(invalid), invalid=invalid, told=told, given=given)
    records = TableRecords(made.features, labels, path.name, classes, made.columns, ids)
    return replace(distinct(records, invalid), told=told).with_given(replace(given, records=records))


def _require_columns(frame: pd.DataFrame, named: Sequence[tuple[str, str | None]], members: str | None) -> None:
    for field, column in named:
        if column is not None and column not in frame.columns:
            raise InputError(f"dataset.{field}", column, f"no such column; there are {shown(frame.columns)}")
    if members is not None and members not in frame.columns and not Path(str(members)).expanduser().is_file():
        expected = f"no such column or file of ids; there are {shown(frame.columns)}"
        raise InputError("dataset.members", members, expected)


def _labels(read: Frame, label: str | None, path: Path) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the column of the label, and the rows that have none."""
    if label is None:
        return None, np.zeros(0, np.int64)
    column = read.table[label]
    absent = np.flatnonzero(column.isna().to_numpy())
    if len(absent) == len(column):
        raise InputError("dataset.label", label, f"is empty in every row of {path.name}")
    filled = column.fillna(column.dropna().iloc[0]) if len(absent) else column
    numeric = pd.api.types.is_numeric_dtype(column)
    return (filled.to_numpy() if numeric else np.asarray(filled.astype(str), dtype=str)), absent


def _kind_told(label: str | None, labels: np.ndarray | None, classes: tuple[str, ...]) -> tuple[str, ...]:
    if labels is None:
        return ("there is no dataset.label: models that predict a class or a value are not judged by it",)
    if not classes:
        return (f"{label} is a real value, from {labels.min():.6g} to {labels.max():.6g}",)
    return (f"{label} has {len(classes):,} classes ({shown(classes, 5)})",)
