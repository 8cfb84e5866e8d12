"""Text files of comma-separated cells without header, and what the cells of each column stand for."""

from __future__ import annotations

import gzip
import json
import lzma
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from telltale.data.compressed import LARGEST, no_memory, require_size
from telltale.data.loaded import InvalidRecord
from telltale.data.tables.records import Column
from telltale.data.text_files import utf8_of
from telltale.errors import InputError
from telltale.writing import counted

COMMENT = "|"  # a line that starts with it holds no row, e.g. the first of adult.test


@dataclass(frozen=True, eq=False)
class Cells:
    """What files held.

    values   (n, columns) float64, the number, or the position of a level
    places   file and line of each of these rows
    invalid  the rest
    """

    values: np.ndarray
    places: tuple[tuple[Path, int], ...]
    invalid: tuple[InvalidRecord, ...]


def read_columns(file: Path) -> tuple[Column, ...]:
    """Return the columns that a JSON file lists, in the order of the cells; they take no features yet."""
    entries = json.loads(file.read_text(encoding="utf-8"))
    return tuple(Column(start=0, stop=0, **{**entry, "levels": tuple(entry.get("levels", ()))}) for entry in entries)


def read_cells(files: Sequence[Path], columns: Sequence[Column], largest: float = LARGEST) -> Cells:
    """Return the rows of all files; one with another number of cells, an unknown level or a number out of range
    is listed as invalid. Blanks around cells and a dot at the end of a line are not part of them.

    Raises InputError where a file cannot be read, or unpacks to more than `largest` GiB.
    """
    parts = [_read_file(file, columns, largest) for file in files]
    values = np.concatenate([np.zeros((0, len(columns))), *(part.values for part in parts)])
    places = tuple(place for part in parts for place in part.places)
    return Cells(values, places, tuple(row for part in parts for row in part.invalid))


def _read_file(file: Path, columns: Sequence[Column], largest: float) -> Cells:
    lines = pc.utf8_trim_whitespace(pa.array(_text(file, largest).split("\n"), pa.large_string()))
    numbers = np.arange(1, len(lines) + 1)
    holds_cells = pc.and_(pc.not_equal(lines, ""), pc.invert(pc.starts_with(lines, COMMENT)))
    lines, numbers = lines.filter(holds_cells), numbers[holds_cells.to_numpy(zero_copy_only=False)]
    cells = pc.split_pattern(pc.utf8_rtrim(lines, "."), ",")
    fits = pc.equal(pc.list_value_length(cells), len(columns)).to_numpy(zero_copy_only=False)
    flat = pc.utf8_trim_whitespace(cells.filter(pa.array(fits)).flatten())
    values = np.empty((int(fits.sum()), len(columns)))
    for at, column in enumerate(columns):
        values[:, at] = _values(flat.take(pa.array(np.arange(at, len(flat), len(columns)))), column)
    readable = ~np.isnan(values)
    good = readable.all(axis=1)
    reasons = {number: f"expected {counted(len(columns), 'cell')}" for number in numbers[~fits].tolist()}
    first_bad = np.argmin(readable, axis=1)
    for row in np.flatnonzero(~good):
        cell = flat[int(row * len(columns) + first_bad[row])].as_py()
        reasons[int(numbers[fits][row])] = f"{columns[first_bad[row]].name} is {cell[:40]!r}"
    places = tuple((file, number) for number in numbers[fits][good].tolist())
    invalid = tuple(InvalidRecord(file, reasons[number], number) for number in sorted(reasons))
    return Cells(values[good], places, invalid)


def _text(file: Path, largest: float) -> str:
    try:
        require_size(file, largest)
        data = file.read_bytes()
        data = (
            gzip.decompress(data) if file.suffix == ".gz" else lzma.decompress(data) if file.suffix == ".xz" else data
        )
    except MemoryError:
        raise no_memory(file) from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError("dataset.root", file, f"cannot be read ({error})") from None
    return utf8_of(data, file.name)[0].decode("utf-8")


def _values(cells: pa.Array, column: Column) -> np.ndarray:
    """Return the number of each cell, or the position of its level; NaN where it is none the column can have."""
    if column.kind == "numeric":
        numbers = pd.to_numeric(cells.to_pandas(), errors="coerce").to_numpy(np.float64)
        return np.where((numbers >= column.low) & (numbers <= column.high), numbers, np.nan)
    places = pc.index_in(cells, value_set=pa.array(column.levels, cells.type))
    return places.to_numpy(zero_copy_only=False).astype(np.float64)


def lay_out(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Give each column its slice of the features, from left to right."""
    placed, start = [], 0
    for column in columns:
        stop = start + (len(column.levels) if column.kind == "categorical" else 1)
        placed.append(replace(column, start=start, stop=stop))
        start = stop
    return tuple(placed)


def to_features(values: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """Scale numbers to [0, 1] by their range and write categories as one-hot: (n, columns) -> (n, width) float32."""
    features = np.zeros((len(values), columns[-1].stop), np.float32)
    for column, cells in zip(columns, values.T, strict=True):
        if column.kind == "categorical":
            features[np.arange(len(values)), column.start + cells.astype(np.int64)] = 1
        elif column.kind == "binary":
            features[:, column.start] = cells
        else:
            features[:, column.start] = (cells - column.low) / (column.high - column.low)
    return features


def to_values(features: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """Invert `to_features`, also for features that no row has, such as a generator's: (n, width) -> (n, columns).

    A category is its largest feature, a binary one splits at one half; numbers are clipped to their range.
    """
    values = np.empty((len(features), len(columns)))
    for at, column in enumerate(columns):
        part = features[:, column.start : column.stop].astype(np.float64)
        if column.kind == "categorical":
            values[:, at] = part.argmax(axis=1)
        elif column.kind == "binary":
            values[:, at] = part[:, 0] >= 0.5
        else:
            numbers = column.low + part[:, 0].clip(0, 1) * (column.high - column.low)
            values[:, at] = np.rint(numbers) if column.whole else numbers
    return values


def as_written(values: np.ndarray, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the table with its levels as words and whole numbers as such: (n, columns) -> n rows."""
    return pd.DataFrame(
        {column.name: _as_written(cells, column) for column, cells in zip(columns, values.T, strict=True)}
    )


def _as_written(cells: np.ndarray, column: Column) -> np.ndarray:
    if column.kind == "numeric":
        return cells.astype(np.int64) if column.whole else cells
    return np.array(column.levels, dtype=object)[cells.astype(np.int64)]
