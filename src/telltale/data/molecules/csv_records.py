"""The records of a CSV file of molecules, where quotation marks need not pair."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from telltale.data.text_files import utf8_of

SMILES = re.compile(r"[A-Za-z0-9@+\-\[\]()=#$:/\\.%*~{}>|^,&!;]+")


def lines_of(file: Path) -> tuple[list[str], str]:
    """Return the lines of a text file, any line ends, and what is to be told of lines that are no UTF-8."""
    data = gzip.decompress(file.read_bytes()) if file.name.lower().endswith(".gz") else file.read_bytes()
    plain, told = utf8_of(data, file.name)
    return plain.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").split("\n"), told


def heading(lines: list[str]) -> tuple[int, list[str]]:
    """Return how many lines the header ends after, and its cells."""
    start = next((at for at, line in enumerate(lines) if line.strip()), 0)
    return start + 1, _cells(lines[start : start + 1]) or [""]


def records(lines: list[str], at: int, width: int, place: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of each record from line index `at` on that is not blank.

    A quote left open must not swallow the lines up to the next one: a record may span lines only if it then has the
    header's width, its SMILES cell, at `place`, lies on one line, and no line within is a record by itself; otherwise
    its quotes are taken literally.
    """
    while at < len(lines):
        end = _closing(lines, at) if lines[at].count('"') % 2 else at
        cells = _cells(lines[at : end + 1])
        whole = end == at or (cells is not None and len(cells) == width and "\n" not in cells[place])
        if cells is None or not whole or any(_is_record(line, width, place) for line in lines[at + 1 : end + 1]):
            end, cells = at, lines[at].split(",")
        if cells:
            yield at + 1, cells
        at = end + 1


def _is_record(line: str, width: int, place: int) -> bool:
    cells = line.split(",")
    return width > 1 and len(cells) == width and SMILES.fullmatch(cells[place].strip()) is not None


def _closing(lines: list[str], start: int) -> int:
    """Return where the quote left open on line `start` closes; `start` if not within 100 lines."""
    ends = range(start + 1, min(start + 100, len(lines)))
    return next((end for end in ends if lines[end].count('"') % 2), start)


def _cells(lines: list[str]) -> list[str] | None:
    """Return the cells of one record, none for a blank line; None where the lines are not one record."""
    if not any(line.strip() for line in lines):
        return []
    reader = csv.reader([f"{line}\n" for line in lines], strict=True)
    try:
        cells = next(reader, [])
    except csv.Error:
        return None
    return cells if reader.line_num == len(lines) else None
