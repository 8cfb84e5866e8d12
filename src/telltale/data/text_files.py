"""Text that people wrote with other programs: in UTF-8, 16 or 32 or Windows-1252, and CSV files with faults."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader as CSVReader

MARKS = {  # UTF-32's begins as UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
HEAD = 4096  # bytes that tell of a file without a mark
LONGEST = 2**31 - 1  # characters of a cell; csv takes 131,072 without being told
UNKNOWN = "\ufffd"  # stands for what could not be read
NOT_CLOSED = "a quotation mark is not closed"
LOOKED_AT = 200  # rows, for what the columns of a table hold
MOST = 0.9  # share of them that tells
MEANT = 3  # cells of what looks like rows, in a file without a fault: marks make no such pairs by chance so often


@dataclass(frozen=True)
class Text:
    """lines: without their ends; told: what of them was not UTF-8, in a sentence, "" where all was."""

    lines: tuple[str, ...]
    told: str = ""


def read_text(file: Path) -> Text:
    """Read a text file. A line that is no UTF-8 is read as Windows-1252, as Windows' own programs write, and told."""
    return text_of(file.read_bytes(), file.name)


def utf8_of(data: bytes, name: str) -> tuple[bytes, str]:
    """Return what a text file holds as UTF-8 without a mark in front, and what is to be told.

    name: of the file. Lines are read as by `read_text`; old Macs' line ends become those of others.
    """
    plain = data.removeprefix(codecs.BOM_UTF8)
    if code_of(data) == "utf-8":
        try:
            plain.decode("utf-8")
            return (plain if b"\n" in plain else plain.replace(b"\r", b"\n")), ""
        except UnicodeDecodeError:
            pass
    text = text_of(data, name)
    return "\n".join(text.lines).encode("utf-8", "replace"), text.told


def text_of(data: bytes, name: str) -> Text:
    """Read the bytes of a text file of that name, as `read_text` does."""
    if (code := code_of(data)) != "utf-8":
        return _of_wide(data, code, name)
    foreign: list[int] = []
    lines = []
    plain = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for number, line in enumerate(plain.split(b"\n"), 1):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            lines.append(line.decode("cp1252", "replace"))
            foreign.append(number)
    if not foreign:
        return Text(tuple(lines))
    where = f"{len(foreign):,} lines of {name}, the first of them line {foreign[0]:,}"
    unknown = sum(lines[number - 1].count(UNKNOWN) for number in foreign)
    lost = f"; {unknown:,} bytes stand for nothing there" if unknown else ""
    return Text(tuple(lines), f"{where}, are no UTF-8 and were read as Windows-1252{lost}")


def code_of(data: bytes) -> str:
    """Return how letters are written: utf-8, and utf-16 or utf-32 where a mark says so, or zeros between letters do.

    >>> code_of("a b".encode("utf-16-be")), code_of("a b".encode("utf-32")), code_of(b"a b")
    ('utf-16-be', 'utf-32', 'utf-8')
    """
    for mark, code in MARKS.items():
        if data.startswith(mark):
            return code
    head = data[:HEAD]
    first, second, third, fourth = (head[at::4].count(0) / max(1, len(head[at::4])) > 0.5 for at in range(4))
    shapes = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return shapes.get((first, second, third, fourth), "utf-8")


def _of_wide(data: bytes, code: str, name: str) -> Text:
    text, said = data.decode(code, "replace"), []
    if code not in MARKS.values():
        said.append(
            f"{name} does not say how it is written and was read as {code.upper()}, for the zeros between letters"
        )
    try:
        data.decode(code)
    except UnicodeDecodeError:
        said.append(f"{name} says that it is {code.upper()}, and {text.count(UNKNOWN):,} of its characters are none")
    told = "; ".join(said)
    return Text(tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")), told)


@dataclass(frozen=True)
class Row:
    """A row of a CSV file; line: where it begins, from 1; fault: why it is none, in words, "" where it is one."""

    line: int
    cells: tuple[str, ...]
    fault: str = ""


def csv_rows(lines: Sequence[str], is_row: Callable[[Sequence[str]], bool], separator: str = ",") -> Iterator[Row]:
    """Part the lines of a CSV file into rows, the heading first; blank lines are none.

    A cell in quotation marks may go over several lines. A mark that is not closed, or is closed only after lines that
    are rows by themselves, by `is_row`, makes its own line invalid and leaves the later ones alone; unless the file has
    no fault at all and MEANT such cells: then they hold lists.
    """
    if (rows := _lists_meant(lines, is_row, separator)) is not None:
        yield from rows
        return
    start = 0
    while start < len(lines):
        end, cells = _row_at(lines, start, is_row, separator)
        if isinstance(cells, str):
            yield Row(start + 1, (), cells)
        elif any(cells):
            yield Row(start + 1, tuple(cells))
        start = end


def _lists_meant(lines: Sequence[str], is_row: Callable[[Sequence[str]], bool], separator: str) -> list[Row] | None:
    """Return the rows of a file that are all as long as the heading, where enough hold what looks like rows."""
    if not any('"' in line for line in lines):
        return None
    reader = _reader(lines, separator)
    rows, start, lists = [], 0, 0
    try:
        for cells in reader:
            if any(cells):
                rows.append(Row(start + 1, tuple(cells)))
                if len(cells) != len(rows[0].cells):
                    return None
                inside = (_cells([line], separator) for line in lines[start + 1 : reader.line_num])
                lists += any(not isinstance(line, str) and is_row(line) for line in inside)
            start = reader.line_num
    except csv.Error:
        return None
    return rows if lists >= MEANT else None


def _row_at(
    lines: Sequence[str], start: int, is_row: Callable[[Sequence[str]], bool], separator: str
) -> tuple[int, list[str] | str]:
    """Return where the next row begins, and the cells of this one, or why it has none."""
    cells = _cells(lines[start : start + 1], separator)
    marks = lines[start].count('"')
    if cells != NOT_CLOSED:
        return start + 1, cells
    for end in range(start + 1, len(lines)):
        marks += lines[end].count('"')
        if marks % 2 == 0:  # within quotation marks, others are doubled: a row has an even number
            within = [_cells([line], separator) for line in lines[start + 1 : end + 1]]
            swallowed = any(not isinstance(part, str) and is_row(part) for part in within)
            cells = NOT_CLOSED if swallowed else _cells(lines[start : end + 1], separator)
            return (start + 1, NOT_CLOSED) if isinstance(cells, str) else (end + 1, cells)
    return start + 1, NOT_CLOSED


def _cells(lines: Sequence[str], separator: str) -> list[str] | str:
    """Return the cells of what should be exactly one row, or why it is not one."""
    try:
        rows = list(_reader(lines, separator))
    except csv.Error as error:
        return NOT_CLOSED if str(error) == "unexpected end of data" else f"is no row of a CSV file ({error})"
    return rows[0] if len(rows) == 1 else NOT_CLOSED


def _reader(lines: Sequence[str], separator: str) -> CSVReader:
    csv.field_size_limit(LONGEST)
    return csv.reader((f"{line}\n" for line in lines), strict=True, delimiter=separator)


def row_test(lines: Sequence[str], separator: str = ",", by_width: bool = False) -> Callable[[Sequence[str]], bool]:
    """Return what tells a row of this table from a line of a longer text in one of its cells, for `csv_rows`.

    A row has as many cells as the heading, a number where the others have one, and one of the few words where they do.
    by_width: where no column is such, the number of cells alone tells; otherwise no line is a row.
    """
    plain = (line.split(separator) for line in lines if '"' not in line and line.strip())
    heading = next((line for line in lines if line.strip()), "")
    cells = _cells([heading], separator)
    width = heading.count(separator) + 1 if isinstance(cells, str) else len(cells)
    rows = [row for _, row in zip(range(LOOKED_AT), (row for row in plain if len(row) == width), strict=False)]
    tests = [_cell_test([row[at].strip() for row in rows[1:] or rows]) for at in range(width)]
    known = [(at, test) for at, test in enumerate(tests) if test is not None]
    return lambda row: (
        (bool(known) or by_width) and len(row) == width and all(test(row[at].strip()) for at, test in known)
    )


def _cell_test(cells: Sequence[str]) -> Callable[[str], bool] | None:
    numbers = sum(map(_is_number, cells))
    if cells and numbers >= MOST * len(cells) and any(cells):
        return _is_number
    words = {cell for cell in cells if cells.count(cell) > 1}
    if cells and sum(cell in words for cell in cells) >= MOST * len(cells):
        return words.__contains__
    return None


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ".") or 0)
    except ValueError:
        return cell.lower() in ("na", "n/a", "nan", "null", "none", "?")
    return True
