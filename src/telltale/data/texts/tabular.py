"""Documents in the rows of a file: a column of a .csv, a field of a .jsonl, a line or a paragraph of a .txt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from telltale.data.loaded import InvalidRecord
from telltale.data.tables.csv_files import WORDS_OF_NOTHING
from telltale.data.text_files import csv_rows, row_test
from telltale.errors import InputError

SHOWN = 200  # characters of a row that are kept for the list of those that are none


@dataclass(frozen=True)
class Place:
    """A row of a file: its line from 1, its cells by column; fault: why it is none, "" where it is one; text: of it."""

    line: int
    cells: Mapping[str, object]
    fault: str = ""
    text: str = ""


def rows_of_csv(lines: Sequence[str], separator: str, names: Sequence[str] | None = None) -> Iterator[Place]:
    """Yield the rows of a table below its heading; names: of its columns, where it has no heading.

    Raises InputError where two columns have one name, which none of the options could choose between.
    """
    heading = None if names is None else list(names)
    for row in csv_rows(lines, row_test(lines, separator), separator):
        if heading is None and not row.fault:
            heading = [cell.strip() for cell in row.cells]
            if twice := sorted({name for name in heading if name and heading.count(name) > 1}):
                raise InputError("dataset.column", twice[0], "a name of one column; several are called so")
            continue
        width = len(heading or ())
        fault = row.fault
        if not fault and len(row.cells) != width:
            fault = f"has {len(row.cells)} cells, expected {width}"
        cells = {} if fault else dict(zip(heading or (), row.cells, strict=True))
        yield Place(row.line, cells, fault, lines[row.line - 1][:SHOWN])


def rows_of_jsonl(lines: Sequence[str]) -> Iterator[Place]:
    """Yield the objects of a file with one a line; blank lines are none."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            fault = "" if isinstance(found, dict) else "is no JSON object"
        except (ValueError, RecursionError) as error:
            found, fault = {}, f"is no JSON ({type(error).__name__})"
        yield Place(number, found if not fault else {}, fault, line[:SHOWN])


def rows_of_text(lines: Sequence[str], unit: str) -> Iterator[Place]:
    """Yield the lines of a text, or its paragraphs, which blank lines part; the column is called text."""
    if unit == "line":
        yield from (Place(number, {"text": line}) for number, line in enumerate(lines, 1) if line.strip())
        return
    start, held = 0, list[str]()
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            start = start if held else number
            held.append(line.strip())
        elif held:
            yield Place(start, {"text": "\n".join(held)})
            held = []


@dataclass(frozen=True)
class Column:
    """A column that an option names: the option, as dataset.label; the name; whether a row needs it."""

    field: str
    name: str
    needed: bool = True


def cells_of(
    file: Path, places: Sequence[Place], columns: Sequence[Column]
) -> tuple[list[list[str]], list[int], list[InvalidRecord]]:
    """Return the cells of these columns, row by row, the line of each row, and the rows that are none.

    A cell that has to be there and is null or no text is a fault of its row. Raises InputError for a column that no
    row has, and where there is no row that could have one.
    """
    if not any(place.cells for place in places):
        first = f"; the first: line {places[0].line} {places[0].fault}" if places and places[0].fault else ""
        raise InputError("dataset.file", file, f"holds no document{first}")
    known = list(dict.fromkeys(name for place in places[:1000] for name in place.cells))
    for column in columns:
        if column.name not in known and not any(column.name in place.cells for place in places):
            there = ", ".join(known) or "none"
            raise InputError(column.field, column.name, f"no such column in {file.name}; there are {there}")
    rows, lines, invalid = [], [], []
    for place in places:
        fault, cells = place.fault, list[str]()
        for column in () if fault else columns:
            value = place.cells.get(column.name)
            is_text = column is columns[0]  # which numbers are not
            if isinstance(value, str if is_text else str | int | float) and (
                is_text or _says(value) or not column.needed
            ):
                cells.append(_written(value))
            elif not column.needed and value is None:
                cells.append("")
            else:
                fault = fault or f"{column.name} is {'empty' if value is None or isinstance(value, str) else 'no text'}"
        if fault:
            invalid.append(InvalidRecord(file, fault, place.line, place.text))
        else:
            rows.append(cells)
            lines.append(place.line)
    return rows, lines, invalid


def _written(value: str | int | float) -> str:
    """Return a cell as text: 1 and 1.0 are one number of JSON, so one class or group.

    >>> _written(1.0), _written(True), _written("1.0"), _written(1e300), _written(0.5)
    ('1', 'true', '1.0', '1e+300', '0.5')
    """
    if isinstance(value, str):
        return value
    whole = isinstance(value, float) and abs(value) < 2**53 and value.is_integer()
    return json.dumps(int(value) if whole else value)


def _says(value: object) -> bool:
    return str(value).strip() not in WORDS_OF_NOTHING
