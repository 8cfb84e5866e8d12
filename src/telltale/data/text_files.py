"""Text that people wrote with other programs: in UTF-8, UTF-16 or Windows-1252, and CSV files with faults."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UNKNOWN = "\ufffd"  # stands for what could not be read
NOT_CLOSED = "a quotation mark is not closed"
LOOKED_AT = 200  # rows, for what the columns of a table hold
MOST = 0.9  # share of them that tells


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
    if not data.startswith(UTF_16):
        try:
            plain.decode("utf-8")
            return (plain if b"\n" in plain else plain.replace(b"\r", b"\n")), ""
        except UnicodeDecodeError:
            pass
    text = text_of(data, name)
    return "\n".join(text.lines).encode("utf-8", "replace"), text.told


def text_of(data: bytes, name: str) -> Text:
    """Read the bytes of a text file of that name, as `read_text` does."""
    if data.startswith(UTF_16):
        return _of_utf_16(data, name)
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


def _of_utf_16(data: bytes, name: str) -> Text:
    text, told = data.decode("utf-16", "replace"), ""
    try:
        data.decode("utf-16")
    except UnicodeDecodeError:
        told = f"{name} says that it is UTF-16, and {text.count(UNKNOWN):,} of its characters are none"
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
    are rows by themselves, by `is_row`, makes its own line invalid and leaves the later ones alone.
    """
    start = 0
    while start < len(lines):
        end, cells = _row_at(lines, start, is_row, separator)
        if isinstance(cells, str):
            yield Row(start + 1, (), cells)
        elif any(cells):
            yield Row(start + 1, tuple(cells))
        start = end


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
        rows = list(csv.reader((f"{line}\n" for line in lines), strict=True, delimiter=separator))
    except csv.Error as error:
        return NOT_CLOSED if str(error) == "unexpected end of data" else f"is no row of a CSV file ({error})"
    return rows[0] if len(rows) == 1 else NOT_CLOSED


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
