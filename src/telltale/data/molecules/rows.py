"""Read the rows of one molecule file as it lies: line number, SMILES text and numbers of each."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from telltale.data.compressed import LARGEST, no_memory, require_parquet_size, require_size
from telltale.data.molecules.canonical import LONGEST
from telltale.data.molecules.csv_records import heading, lines_of, records
from telltale.errors import InputError
from telltale.writing import counted

SUFFIXES = (".smi", ".smi.gz", ".txt", ".csv", ".csv.gz", ".parquet")
COLUMNS = ("smiles", "mol", "canonical_smiles")  # tried in this order, in any spelling of case
MISSING = frozenset({"", "na", "nan", "none", "null"})
FEW = 0.05  # share of labels up to which those that will not do are slips, each told; beyond, the column is another


@dataclass(frozen=True)
class Columns:
    """Which columns to read.

    smiles      None = look for a usual name
    properties  columns of numbers
    no_header   a CSV starts with data
    label       the property that is to be the class, a line without a number there is invalid; None = no classes
    binary      labels of 0 and 1 are the classes as they are, a handful of others make their lines invalid
    words       columns of text, kept as written
    """

    smiles: str | None = None
    properties: tuple[str, ...] = ()
    no_header: bool = False
    label: str | None = None
    binary: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """What a file holds, row by row.

    lines       numbers from 1, header included
    texts       SMILES as written
    properties  name → one float a row
    unfit       row → its label as written, where that is neither a number nor a blank
    words       name → one text a row
    faults      row → why its cells are not those of the heading
    told        how the text was read where it is no UTF-8, in a sentence
    """

    lines: list[int]
    texts: list[str]
    properties: dict[str, list[float]]
    unfit: dict[int, str]
    words: dict[str, list[str]]
    faults: dict[int, str] = field(default_factory=dict)
    told: str = ""


class PropertyError(InputError):
    """A column that was asked for as a property is not there, or holds what is no number."""


def read_rows(file: Path, columns: Columns, field: str = "dataset", largest: float = LARGEST) -> Rows:
    """Return the rows of a file in any of SUFFIXES, without blank and comment lines, valid molecules or not.

    Raises InputError where the file is missing, unreadable or unpacks to more than `largest` GiB, or has no such column
    or a property that is no number.
    """
    reader = _reader(file, field)
    if not file.is_file():
        raise InputError(f"{field}.root", file, "no such file")
    try:
        (require_parquet_size if reader is _read_parquet else require_size)(file, largest, field)
        return reader(file, columns, field)
    except MemoryError:
        raise no_memory(file, field) from None
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise InputError(f"{field}.root", file, f"cannot be read ({error})") from None


def header(file: Path, largest: float = LARGEST, field: str = "dataset") -> list[str]:
    """Return the column names of a CSV file. Raises InputError where it cannot be read, or unpacks to too much."""
    try:
        require_size(file, largest, field)
        return heading(lines_of(file)[0])[1]
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{field}.root", file, f"cannot be read ({error})") from None


def numeric_columns(file: Path, field: str = "dataset") -> list[str]:
    """Return the columns that hold numbers and blanks only, at least one number; [] for files without columns."""
    name = file.name.lower()
    if name.endswith(".parquet"):
        schema = pq.read_schema(file)
        kinds = ((column.name, column.type) for column in schema)
        return [name for name, kind in kinds if pa.types.is_floating(kind) or pa.types.is_integer(kind)]
    if not name.endswith((".csv", ".csv.gz")):
        return []
    lines = lines_of(file)[0]
    start, names = heading(lines)
    table = [record for _, record in records(lines, start, len(names), 0)]
    columns = [[row[at] if at < len(row) else "" for row in table] for at in range(len(names))]
    return [name.strip() for name, cells in zip(names, columns, strict=True) if _are_numbers(cells, name, file, field)]


def _are_numbers(cells: Sequence[str], name: str, file: Path, field: str) -> bool:
    try:
        numbers = [_number(cell, name, file, 0, field) for cell in cells]
    except PropertyError:
        return False
    return not all(math.isnan(number) for number in numbers)


def _reader(file: Path, field: str) -> Callable[[Path, Columns, str], Rows]:
    name = file.name.lower()
    if name.endswith((".smi", ".smi.gz", ".txt")):
        return _read_smi
    if name.endswith((".csv", ".csv.gz")):
        return _read_csv
    if name.endswith(".parquet"):
        return _read_parquet
    raise InputError(f"{field}.root", file, f"expected a file that ends in {', '.join(SUFFIXES)}")


def _read_smi(file: Path, columns: Columns, field: str) -> Rows:
    """Read one SMILES a line; what follows it after a blank or tab is a name."""
    if columns.smiles is not None:
        raise InputError(f"{field}.column", columns.smiles, f"{file.name} has no columns; expected null")
    if asked := (*columns.properties, *columns.words):
        raise PropertyError(f"{field}.column", asked[0], f"{file.name} has no columns")
    lines, told = lines_of(file)
    kept = [
        (number, words[0][: LONGEST + 1])
        for number, line in enumerate(lines, start=1)
        if (words := line.split(None, 1)) and not words[0].startswith("#")
    ]
    return Rows([number for number, _ in kept], [text for _, text in kept], {}, {}, {}, {}, told)


def _read_csv(file: Path, columns: Columns, field: str) -> Rows:
    text, told = lines_of(file)
    start, names = (0, ["smiles"]) if columns.no_header else heading(text)
    place = _place(names, columns.smiles, file, field)
    lines: list[int] = []
    texts: list[str] = []
    faults: dict[int, str] = {}
    cells: dict[str, list[str]] = {name: [] for name in (*columns.properties, *columns.words)}
    places = [(words, _property_place(names, name, file, field)) for name, words in cells.items()]
    for number, record in records(text, start, len(names), place):
        if not columns.no_header and any(cell.strip() for cell in record[len(names) :]):
            faults[len(lines)] = f"{counted(len(record), 'cell')}, the heading has {len(names)}"
        lines.append(number)
        texts.append(_first_word(record[place] if place < len(record) else ""))
        for words, at in places:
            words.append(record[at] if at < len(record) and len(lines) - 1 not in faults else "")
    return replace(_rows(lines, texts, cells, columns, file, field), faults=faults, told=told)


def _rows(
    lines: list[int], texts: list[str], cells: dict[str, list[str]], columns: Columns, file: Path, field: str
) -> Rows:
    """Read the numbers out of the cells of properties; labels that are none are kept apart, if they are few."""
    properties, unfit = {}, {}
    for name in columns.properties:
        words = cells[name]
        if name == columns.label:
            unfit = _unfit(words)
            if len(unfit) > FEW * len(words):  # no column of numbers
                row, word = next(iter(unfit.items()))
                raise _no_number(word, name, file, lines[row], field)
        properties[name] = [
            math.nan if row in unfit and name == columns.label else _number(word, name, file, lines[row], field)
            for row, word in enumerate(words)
        ]
    return Rows(lines, texts, properties, unfit, {name: cells[name] for name in columns.words})


def _unfit(words: Sequence[str]) -> dict[int, str]:
    return {row: word for row, word in enumerate(words) if (number := _parsed(word)) is None or math.isinf(number)}


def _read_parquet(file: Path, columns: Columns, field: str) -> Rows:
    names = pq.read_schema(file).names
    place = names[_place(names, columns.smiles, file, field)]
    asked = (*columns.properties, *columns.words)
    written = {name: names[_property_place(names, name, file, field)] for name in asked}
    table = pq.read_table(file, columns=list(dict.fromkeys([place, *written.values()])))
    texts = [_first_word(word) for word in _words(table, place)]
    cells = {name: _words(table, as_written) for name, as_written in written.items()}
    return _rows(list(range(1, len(texts) + 1)), texts, cells, columns, file, field)


def _words(table: pa.Table, name: str) -> list[str]:
    return ["" if value is None else str(value) for value in table.column(name).to_pylist()]


def _property_place(names: Sequence[str], name: str, file: Path, field: str) -> int:
    try:
        return _place(names, name, file, field)
    except InputError as error:
        raise PropertyError(error.field, error.value, error.expected) from None


def _place(names: Sequence[str], column: str | None, file: Path, field: str) -> int:
    """Return the position of the column, or of the first usual name of a SMILES column."""
    stripped = [name.strip() for name in names]
    if column is not None and (found := [at for at, name in enumerate(stripped) if name == column.strip()]):
        if len(found) > 1:
            raise InputError(
                f"{field}.column", column, f"names {len(found)} columns of {file}; expected one of its own"
            )
        return found[0]
    lowered = [name.lower() for name in stripped]
    for candidate in COLUMNS if column is None else ():
        if candidate in lowered:
            return lowered.index(candidate)
    has = ", ".join(stripped[:20]) + (", …" if len(stripped) > 20 else "")
    shown = "null" if column is None else column
    raise InputError(f"{field}.column", shown, f"no such column in {file}; it has: {has}")


def _number(cell: str, name: str, file: Path, line: int, field: str) -> float:
    number = _parsed(cell)
    if number is None:
        raise _no_number(cell, name, file, line, field)
    return number


def _no_number(cell: str, name: str, file: Path, line: int, field: str) -> PropertyError:
    where = f"{file.name}:{line}, column {name}, holds {cell[:40]!r}"
    return PropertyError(f"{field}.root", file, f"{where}; expected a number or a blank")


def _parsed(cell: str) -> float | None:
    """Return the number in a cell, NaN for a blank, None for a word; Python would read 1_0 as ten."""
    word = cell.strip().lower()
    if word in MISSING:
        return math.nan
    if word in ("true", "false"):
        return float(word == "true")
    try:
        return None if "_" in word else float(word)
    except ValueError:
        return None


def _first_word(cell: str) -> str:
    return (cell.split(None, 1) or [""])[0][: LONGEST + 1]
