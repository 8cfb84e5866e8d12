"""What the columns of a table are, inferred: numbers, pairs of levels, categories; missing values are kept as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from telltale.data.tables.cells import lay_out
from telltale.data.tables.records import Column
from telltale.errors import InputError

MOST_LEVELS = 100  # of a category; rarer ones are put together
OTHER, MISSING = "(other)", "(missing)"
NAMES_ROWS = 20  # distinct words from which on a column that has hardly a word twice names rows
NEARLY = 0.9  # share of distinct ones among its words


@dataclass(frozen=True, eq=False)
class Featurised:
    """features: (n, width) float32; columns: what they stand for; told: what was inferred, a sentence each."""

    features: np.ndarray
    columns: tuple[Column, ...]
    told: tuple[str, ...]


def featurised(frame: pd.DataFrame) -> Featurised:
    """Return the columns of a table as features.

    Numbers are scaled to [0, 1] by their range; one that is missing is the middle, and a feature beside says so. Words
    are one feature a level, a missing one a level of its own; beyond MOST_LEVELS the rarest are one. A column of
    words nearly all distinct names rows, as does one of numbers that count them, and is left out. Nothing follows from
    the order of the rows, which may be members first. Raises InputError where no column is left.
    """
    columns: list[Column] = []
    parts: list[np.ndarray] = []
    kinds: dict[str, list[str]] = {"numeric": [], "binary": [], "categorical": []}
    notes, gaps, endless = [], [], []
    for name in map(str, frame.columns):
        series = frame[name]
        numeric = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
        if len(series) > NAMES_ROWS and (_is_counter(series) if numeric else _names_rows(series)):
            which = "every row" if series.is_unique else "nearly every row"
            notes.append(f"column {name} names {which} and was left out of the features (dataset.id={name})")
            continue
        made = _numeric(name, series) if numeric else _levels(name, series)
        endless += [name] * bool(numeric and np.isinf(series.to_numpy(np.float64, na_value=np.nan)).any())
        gaps += [name] * bool(series.isna().any())
        for column, values in made:
            columns.append(column)
            parts.append(values)
        kinds[made[0][0].kind].append(name)
    if not columns:
        raise InputError("dataset.drop", "all columns", "no column is left that a model could learn from")
    placed = lay_out(columns)
    if gaps:
        notes.append(f"missing values, kept as a level or beside a flag, in {shown(gaps, 5)}")
    if endless:
        notes.append(f"infinite values, which count as missing, in {shown(endless, 5)}")
    counted = ", ".join(f"{len(names)} {kind} ({shown(names, 5)})" for kind, names in kinds.items() if names)
    return Featurised(_filled(placed, parts), placed, (f"columns inferred: {counted}", *notes))


def _names_rows(series: Any) -> bool:
    try:
        several = series.head(1000).nunique() <= NEARLY / 2 * min(1000, len(series))  # most are told by the first
        return not several and bool(series.nunique() > NEARLY * series.count())
    except TypeError:
        return False


def _is_counter(series: Any) -> bool:
    """Tell whole numbers that count rows: all distinct, without a gap, so that they say where a row stands."""
    if not pd.api.types.is_integer_dtype(series) or series.isna().any():
        return False
    return bool(int(series.max()) - int(series.min()) == len(series) - 1 and series.is_unique)


def _filled(columns: tuple[Column, ...], parts: list[np.ndarray]) -> np.ndarray:
    features = np.zeros((len(parts[0]), columns[-1].stop), np.float32)
    rows = np.arange(len(features)) * features.shape[1]
    for column, values in zip(columns, parts, strict=True):
        if column.kind == "categorical":
            features.reshape(-1)[rows + (column.start + values)] = 1
        else:
            features[:, column.start] = values
    return features


def _numeric(name: str, series: Any) -> list[tuple[Column, np.ndarray]]:
    values = series.to_numpy(np.float64, na_value=np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        absent = None if np.isfinite(values.sum()) else ~np.isfinite(values)
    absent = None if absent is None or not absent.any() else absent
    if absent is not None:
        if absent.all():
            return [(Column(name, "binary", 0, 0, (MISSING, "there")), np.zeros(len(values)))]
        values = np.where(absent, np.median(values[~absent]), values)
    low, high = float(values.min()), float(values.max())
    range_ = high - low
    scaled = (values - low) / range_ if 0 < range_ < np.inf else _halved(values, low, high)
    whole = pd.api.types.is_integer_dtype(series) or bool((values == np.rint(values)).all())
    made = [(Column(name, "numeric", 0, 0, (), low, high if high > low else low + 1, whole), scaled)]
    if absent is not None:
        made.append((Column(f"{name} {MISSING}", "binary", 0, 0, ("there", MISSING)), absent))
    return made


def _halved(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scale where the range is none, or more than a float holds."""
    return np.zeros(len(values)) if high <= low else (values / 2 - low / 2) / (high / 2 - low / 2)


def _levels(name: str, series: Any) -> list[tuple[Column, np.ndarray]]:
    try:
        codes, found = pd.factorize(series)
    except TypeError:  # lists and the like, of a parquet file
        codes, found = pd.factorize(series.astype(str))
    words = [str(word) for word in found]
    counts = np.bincount(codes + 1, minlength=len(words) + 1)
    absent, counts = counts[0], counts[1:]
    if len(words) + bool(absent) > MOST_LEVELS:
        order = sorted(range(len(words)), key=lambda at: (-counts[at], words[at]))
        frequent = set(order[: MOST_LEVELS - 1 - bool(absent)])
        words = [word if at in frequent else OTHER for at, word in enumerate(words)]
    levels = sorted({*words, *([MISSING] if absent else [])})
    place = {word: at for at, word in enumerate(levels)}
    table = np.array([place.get(MISSING, 0), *(place[word] for word in words)])
    if len(levels) == 1:
        levels.append(OTHER if levels[0] != OTHER else MISSING)
    kind = "binary" if len(levels) == 2 else "categorical"
    return [(Column(name, kind, 0, 0, tuple(levels)), table[codes + 1])]  # type: ignore[arg-type]


def shown(names: Any, most: int = 20) -> str:
    """Name the first of many."""
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
