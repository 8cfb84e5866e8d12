"""A CSV or parquet table of your own: kinds of columns are inferred and told, missing values kept as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from telltale.data.folders import require_root
from telltale.data.given import Given, as_membership, classes_of, groups_of_values, with_said
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.tables.cells import lay_out
from telltale.data.tables.records import Column, TableRecords, distinct
from telltale.errors import InputError

EXPECTED = "a .csv, .csv.gz, .tsv or .parquet file with a row a record and a heading"
FEW_NUMBERS = 2  # distinct numbers up to which a numeric column is a pair of levels
MOST_LEVELS = 100  # of a category; rarer ones are put together
OTHER, MISSING = "(other)", "(missing)"
WORDS_OF_NOTHING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")


def load(
    root: str | None = None,
    label: str | None = None,
    members: str | None = None,
    id: str | None = None,
    group: str | None = None,
    drop: Sequence[str] = (),
) -> Loaded[Any]:
    """Return the rows of a table.

    label: column of the class, or of the real value, that a model predicts; members: column that says who was trained
    on (1/0, true/false, train/test), or a file of ids or row numbers; id: column by which a row is named, its number
    without; group: column of the person or document, whose rows stay together; drop: columns to leave out.
    Raises InputError for columns that are not there, and a table that cannot be read.
    """
    path = require_root(root, EXPECTED)
    frame = read_frame(path)
    named = {"label": label, "id": id, "group": group, "members": members if members in frame.columns else None}
    for field, column in (*named.items(), *(("drop", column) for column in drop)):
        if column is not None and column not in frame.columns:
            raise InputError(f"dataset.{field}", column, f"no such column; there are {_shown(frame.columns)}")
    labels, invalid = _labels(frame, label, path)
    kept = np.flatnonzero(~np.isin(np.arange(len(frame)), [bad.line - 2 for bad in invalid if bad.line is not None]))
    frame = frame.iloc[kept].reset_index(drop=True)
    inputs = frame.drop(columns=[column for column in {*named.values(), *drop} if column is not None])
    values, classes = (None, ()) if labels is None else classes_of(labels[kept])
    ids = np.asarray(kept.astype(str) if id is None else frame[id].astype(str), dtype=str)
    groups = None if group is None else groups_of_values(frame[group].astype(str).tolist())
    features, columns, told = featurised(inputs)
    given = Given(inputs, path.name, ids, values, classes, None, groups, features)
    if named["members"] is not None:
        given = given.with_members(_members(frame[named["members"]], path))
    else:
        given = with_said(given, members)
    if values is None or not classes:
        return Loaded(records=None, lines=len(frame) + len(invalid), invalid=invalid, told=told, given=given)
    records = TableRecords(features, values, path.name, classes, columns)
    return replace(distinct(records, invalid), told=told).with_given(replace(given, records=records))


def read_frame(path: Path) -> pd.DataFrame:
    """Read a table. Raises InputError where it cannot be read, or holds nothing."""
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            separator = "\t" if ".tsv" in path.suffixes else ","
            missing = list(WORDS_OF_NOTHING)
            frame = pd.read_csv(path, sep=separator, na_values=missing, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError, UnicodeDecodeError, EOFError) as error:
        raise InputError("dataset.root", path, f"cannot be read ({error}); expected {EXPECTED}") from None
    if not len(frame) or not len(frame.columns):
        raise InputError("dataset.root", path, f"holds no rows; expected {EXPECTED}")
    return frame.rename(columns=str)


def featurised(frame: pd.DataFrame) -> tuple[np.ndarray, tuple[Column, ...], tuple[str, ...]]:
    """Return columns as features, what they stand for, and sentences about what was inferred.

    Numbers are scaled to [0, 1] by their range; one that is missing is the middle, and a feature beside says so. Words
    are one feature a level, a missing one a level of its own; beyond MOST_LEVELS the rarest are one. A column of
    words all distinct names rows and is left out.
    """
    columns, parts, kinds, notes = [], [], {"numeric": 0, "binary": 0, "categorical": 0}, []
    for name in frame.columns:
        series = frame[name]
        if not pd.api.types.is_numeric_dtype(series) and series.nunique() == len(series) > 20:
            notes.append(f"column {name} names every row and was left out of the features (dataset.id={name})")
            continue
        made = _numeric(name, series) if _is_numeric(series) else _levels(name, series)
        for column, values in made:
            columns.append(column)
            parts.append(values)
        kinds[made[0][0].kind] += 1
    if not columns:
        raise InputError("dataset.drop", "all columns", "no column is left that a model could learn from")
    placed = lay_out(columns)
    features = np.zeros((len(frame), placed[-1].stop), np.float32)
    for column, values in zip(placed, parts, strict=True):
        if column.kind == "categorical":
            features[np.arange(len(frame)), column.start + values.astype(np.int64)] = 1
        else:
            features[:, column.start] = values
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return features, placed, (f"columns inferred: {counted}; {placed[-1].stop} features", *notes)


def _is_numeric(series: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)


def _numeric(name: str, series: pd.Series) -> list[tuple[Column, np.ndarray]]:
    values = series.to_numpy(np.float64, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    absent = np.isnan(values)
    if absent.all():
        return [(Column(name, "binary", 0, 0, (MISSING, "there")), np.zeros(len(values)))]
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    filled = np.where(absent, np.nanmedian(values), values)
    scaled = (filled - low) / (high - low) if high > low else np.zeros(len(values))
    whole = bool((filled == np.rint(filled)).all())
    made = [(Column(name, "numeric", 0, 0, (), low, high if high > low else low + 1, whole), scaled)]
    if absent.any():
        made.append((Column(f"{name} {MISSING}", "binary", 0, 0, ("there", MISSING)), absent.astype(float)))
    return made


def _levels(name: str, series: pd.Series) -> list[tuple[Column, np.ndarray]]:
    words = series.astype(object).where(series.notna(), MISSING).astype(str)
    counts = words.value_counts()
    if len(counts) > MOST_LEVELS:
        words = words.where(words.isin(counts.index[: MOST_LEVELS - 1]), OTHER)
    places, levels = pd.factorize(words, sort=True)
    names = tuple(map(str, levels))
    if len(names) == 1:
        names = (*names, OTHER if names[0] != OTHER else MISSING)
    kind = "binary" if len(names) == 2 else "categorical"
    return [(Column(name, kind, 0, 0, names), places.astype(float))]  # type: ignore[arg-type]


def _labels(frame: pd.DataFrame, label: str | None, path: Path) -> tuple[np.ndarray | None, tuple[InvalidRecord, ...]]:
    """Return the column of the label, and the rows that have none."""
    if label is None:
        return None, ()
    column = frame[label]
    absent = np.flatnonzero(column.isna().to_numpy())
    invalid = tuple(InvalidRecord(path, f"{label} is empty", int(row) + 2) for row in absent)
    if len(absent) == len(column):
        raise InputError("dataset.label", label, "is empty in every row")
    filled = column.fillna(column.dropna().iloc[0])
    return (filled.to_numpy() if pd.api.types.is_numeric_dtype(column) else filled.astype(str).to_numpy(str)), invalid


def _members(column: pd.Series, path: Path) -> np.ndarray:
    return as_membership("dataset.members", np.asarray(column.astype(str), dtype=str), path)


def _shown(names: Any) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
