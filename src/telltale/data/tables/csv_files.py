"""A table with a heading as people have it, fast: rows with too many or too few cells are listed, the rest is read."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from telltale.data.compressed import LARGEST, no_memory, require_parquet_size, require_size
from telltale.data.loaded import InvalidRecord
from telltale.data.text_files import MEANT, csv_rows, row_test, utf8_of
from telltale.errors import InputError
from telltale.writing import counted

EXPECTED = "a .csv, .csv.gz, .tsv or .parquet file with a row a record and a heading"
WORDS_OF_NOTHING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
SHOWN = 200  # characters of a row's text that are kept for the list of those that are none
UNPACKED = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
SEPARATORS = (",", "\t", ";")  # the first that the heading holds
LEADING = re.compile(rb"\s*")
LOOKED_AT = 1 << 16  # bytes, for what marks decimals
QUOTE, NEWLINE, RETURN = b'"\n\r'
Even = tuple[bytes, np.ndarray, tuple[InvalidRecord, ...]]  # rows of one width, the line of each, those left out


@dataclass(frozen=True, eq=False)
class Frame:
    """What a file holds.

    table    a row each, columns named by the heading
    lines    (n,) where each row lies, from 1 with the heading (parquet: its number)
    invalid  the rows that are none
    told     what was read otherwise than it is written, in a sentence each
    """

    table: pd.DataFrame
    lines: np.ndarray
    invalid: tuple[InvalidRecord, ...] = ()
    told: tuple[str, ...] = ()


def read_frame(path: Path, largest: float = LARGEST, words: Sequence[str] = (), label: str | None = None) -> Frame:
    """Read a table; one that unpacks to more than `largest` GiB is refused.

    words: columns that are read as they are written, as names are: 007 is not 7. label: the column in which only an
    empty cell says nothing, since a class may be called None; see `tidy.with_named_classes`.
    Raises InputError where it cannot be read, holds nothing, or has two columns of one name.
    """
    try:
        frame = _parquet(path, largest) if path.suffix.lower() == ".parquet" else _text(path, largest, words, label)
    except InputError:
        raise
    except MemoryError:
        raise no_memory(path) from None
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        fault = " ".join(str(error).split())
        raise InputError("dataset.root", path, f"cannot be read ({fault}); expected {EXPECTED}") from None
    if not len(frame.table) or not len(frame.table.columns):
        first = f", the first: {frame.invalid[0].reason}" if frame.invalid else ""
        bad = f" but {len(frame.invalid):,} that are none{first}" if frame.invalid else ""
        raise InputError("dataset.root", path, f"holds no rows{bad}; expected {EXPECTED}")
    return frame


def _parquet(path: Path, largest: float) -> Frame:
    require_parquet_size(path, largest)
    table = pd.read_parquet(path).rename(columns=str).reset_index(drop=True)
    return Frame(table, np.arange(1, len(table) + 1))


def _text(path: Path, largest: float, words: Sequence[str], label: str | None) -> Frame:
    require_size(path, largest)
    unpack = UNPACKED.get(path.suffix.lower())
    data = path.read_bytes()
    data, told = utf8_of(unpack(data) if unpack else data, path.name)
    separator, decimal = _marks(data)
    even = _even(data, path, separator)
    table = None if even is None else _parsed(even[0], separator, decimal, words, label)
    if even is None or table is None or len(table) != len(even[1]):  # quotation marks that do not pair
        even = _mended(data, path, separator)
        table = _parsed(even[0], separator, decimal, words, label)
    assert table is not None
    comma = f"{path.name} has semicolons between cells, and {'commas' if decimal == ',' else 'points'} for decimals"
    return Frame(table, even[1], even[2], tuple(filter(None, (told, comma if separator == ";" else ""))))


def _marks(data: bytes) -> tuple[str, str]:
    """Return what separates cells, by the heading, and what decimals: where semicolons stand, a comma may."""
    heading = _first_line(data).decode("utf-8")
    separator = next((mark for mark in SEPARATORS if mark in heading), ",")
    comma = separator == ";" and re.search(rb"[;\n]-?\d+,\d+[;\r\n]", data[:LOOKED_AT]) is not None
    return separator, "," if comma else "."


def _parsed(data: bytes, separator: str, decimal: str, words: Sequence[str], label: str | None) -> pd.DataFrame | None:
    """Return the table, or None where its rows are not even; columns of one name are a mistake."""
    heading = next(csv.reader([_first_line(data).decode("utf-8")], delimiter=separator), [])
    names = [name.strip() or f"Unnamed: {at}" for at, name in enumerate(heading)]  # as pandas says
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"several columns are named {', '.join(map(repr, twice))}")
    try:
        return pd.read_csv(
            io.BytesIO(data),
            sep=separator,
            decimal=decimal,
            header=None,
            names=names,
            skiprows=1,
            dtype=dict.fromkeys(words, str),
            na_values={name: [""] if name == label else list(WORDS_OF_NOTHING) for name in names},
            keep_default_na=False,
            skipinitialspace=True,
            index_col=False,
            low_memory=False,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=names)
    except pd.errors.ParserError:
        return None


def _first_line(data: bytes) -> bytes:
    """Return the first line that is not blank."""
    start = LEADING.match(data).end()  # type: ignore[union-attr]
    end = data.find(b"\n", start)
    return data[start:] if end < 0 else data[start:end]


def _parted(data: bytes, separator: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return where each row starts and ends, and how many cells it has; None where quotation marks do not pair."""
    text = np.frombuffer(data, np.uint8)
    ends, commas = text == NEWLINE, text == ord(separator)
    if b'"' in data:
        inside = np.bitwise_xor.accumulate((text == QUOTE).view(np.uint8)).view(bool)
        if inside[-1]:
            return None
        ends &= ~inside
        commas &= ~inside
    stops = np.flatnonzero(ends)
    if not len(text) or text[-1] != NEWLINE:
        stops = np.append(stops, len(text))
    starts = np.concatenate([[0], stops[:-1] + 1])
    places = np.flatnonzero(commas)
    return starts, stops, np.searchsorted(places, stops) - np.searchsorted(places, starts) + 1


def _even(data: bytes, path: Path, separator: str) -> Even | None:
    """Leave out the rows whose number of cells is not that of the heading; blank lines are no rows.

    None where quotation marks may not pair.
    """
    if (parted := _parted(data, separator)) is None:
        return None
    starts, stops, cells = parted
    text = np.frombuffer(data, np.uint8)
    first = text[np.minimum(starts, len(text) - 1)] if len(text) else text
    blank = (starts == stops) | ((stops - starts == 1) & (first == RETURN))
    if len(spaces := np.flatnonzero(~blank & (cells == 1) & (first <= ord(" ")))):
        blank[spaces] = [not data[starts[row] : stops[row]].strip() for row in spaces.tolist()]
    rows = np.flatnonzero(~blank)
    if not len(rows):
        return b"", rows, ()
    width, spans = int(cells[rows[0]]), _spans(text, starts, stops)
    lines = np.concatenate([[1], 1 + np.cumsum(spans)[:-1]])
    bad = rows[cells[rows] != width]
    if len(bad) and b'"' in data:
        return None
    long = [data[starts[row] : stops[row]] for row in rows[spans[rows] > 1].tolist()]
    if long and _swallowed(long, data, separator):
        return None
    _require_some(len(bad), len(rows) - 1, width, int(cells[bad[0]]) if len(bad) else 0, path)
    invalid = tuple(
        InvalidRecord(path, _ragged(int(cells[row]), width), int(lines[row]), _shown(data, starts[row], stops[row]))
        for row in bad.tolist()
    )
    kept = rows[cells[rows] == width]
    if len(kept) < len(starts):
        data = b"\n".join(data[starts[row] : stops[row]] for row in kept.tolist()) + b"\n"
    return data, lines[kept[1:]], invalid


def _spans(text: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Return how many lines each row takes: (rows,); more than one where a cell in quotation marks has several."""
    newlines = np.flatnonzero(text == NEWLINE)
    if len(newlines) <= len(stops):
        return np.ones(len(starts), np.int64)
    return np.searchsorted(newlines, stops) - np.searchsorted(newlines, starts) + 1


def _swallowed(long: Sequence[bytes], data: bytes, separator: str) -> bool:
    """Tell whether two quotation marks that were never meant as a pair have made one row of several.

    So often as MEANT, in a file without a fault, they are: a cell holds a list.
    """
    start = data[: 1 << 20].decode("utf-8", "ignore").split("\n")
    is_row = row_test(start, separator)
    within = ([line.decode("utf-8", "replace") for line in row.split(b"\n")[1:]] for row in long)
    return 0 < sum(any(is_row(line.split(separator)) for line in lines) for lines in within) < MEANT


def _mended(data: bytes, path: Path, separator: str) -> Even:
    """Read row by row where a quotation mark is not closed: its own line is invalid, later ones are not."""
    lines = tuple(data.decode("utf-8").replace("\r\n", "\n").split("\n"))
    heading: list[str] = []
    kept, numbers, invalid = io.StringIO(), [], []
    writer = csv.writer(kept, lineterminator="\n", delimiter=separator)
    for row in csv_rows(lines, row_test(lines, separator, by_width=True), separator):
        width = len(row.cells)
        if not heading and not row.fault:
            heading.extend(row.cells)
            writer.writerow(row.cells)
        elif row.fault or width != len(heading):
            fault = row.fault or _ragged(width, len(heading))
            invalid.append(InvalidRecord(path, fault, row.line, lines[row.line - 1][:SHOWN]))
        else:
            writer.writerow(row.cells)
            numbers.append(row.line)
    _require_some(len(invalid), len(invalid) + len(numbers), len(heading), 0, path)
    return kept.getvalue().encode(), np.array(numbers, np.int64), tuple(invalid)


def _require_some(bad: int, rows: int, width: int, other: int, path: Path) -> None:
    if bad and bad == rows:
        first = f"; the first has {other}" if other else ""
        more = " (does the column of row names lack a name?)" if other == width + 1 else ""
        expected = f"no row has as many cells as the heading, {width}{first}{more}"
        raise InputError("dataset.root", path, f"{expected}; expected {EXPECTED}")


def _ragged(cells: int, width: int) -> str:
    return f"{counted(cells, 'cell')}, the heading has {width}" + (
        ": a comma outside of quotation marks?" * (cells > width)
    )


def _shown(data: bytes, start: int, stop: int) -> str:
    return data[start:stop].decode("utf-8", "replace").strip()[:SHOWN]
