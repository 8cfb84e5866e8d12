"""Pictures with a report each, as radiologists write them: your own, listed in a CSV or JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from telltale.data.captions.listed import Listed, read_listed
from telltale.data.captions.read import ReadCaptions
from telltale.data.folders import require_inside, require_root, why_no_file
from telltale.data.images.pictures import ENDINGS
from telltale.data.loaded import InvalidRecord
from telltale.data.text_files import csv_rows, read_text
from telltale.errors import InputError
from telltale.writing import counted

EXPECTED = "a folder with pictures and a .csv or .json file that lists image and report of each"
MISSING = frozenset({"", "na", "n/a", "nan", "none", "null"})  # as tables write a cell without a report


@dataclass(frozen=True)
class Reports:
    """What a list holds: its entries, by column or key, each with its place; what is none, and what is to be told.

    A place is the line of a CSV file, the number of an entry in JSON, both from 1.
    """

    entries: Sequence[tuple[int, Mapping[str, Any]]]
    invalid: list[InvalidRecord] = field(default_factory=list)
    told: tuple[str, ...] = ()


def load(
    root: str | None = None,
    file: str = "reports.csv",
    image: str = "image",
    report: str = "report",
    group: str | None = None,
    size: int = 32,
    cache: str | None = None,
    follow_links: bool = False,
) -> ReadCaptions:
    """Return the pictures that `file` below `root` lists, the middle square of each scaled to `size`.

    image, report: the columns or keys that hold a picture's path below `root` and its text; group: that of what
    must not be parted, e.g. the patient; cache: folder where the small pictures are kept; follow_links: also to what
    lies outside of `root`. Rows without either, and pictures that are missing or cannot be read, are listed as invalid.
    Raises InputError where there are none.
    """
    folder = require_root(root, EXPECTED)
    path = folder / file
    if why_no_file(path) or path.suffix.lower() not in (".csv", ".json"):
        raise InputError("dataset.file", file, f"no such .csv or .json file in {folder}; expected {EXPECTED}")
    require_inside(path, folder, follow_links)
    reports = _read_csv(path, image) if path.suffix.lower() == ".csv" else _read_json(path)
    for option, key in (("image", image), ("report", report), ("group", group)):
        if key is not None and reports.entries and not any(key in row for _, row in reports.entries):
            keys = ", ".join(sorted({str(key) for _, row in reports.entries for key in row})[:20])
            raise InputError(f"dataset.{option}", key, f"no row of {file} has it; its columns are {keys}")
    listed, bad = parse_rows(reports.entries, image, report, group)
    told = [*reports.told, *_account([row for _, row in reports.entries], listed, image, group)]
    pictures = [Listed(folder / name, texts, same) for name, texts, same in listed]
    unread = [*reports.invalid, *(InvalidRecord(path, f"has no {image} or no {report}", place) for place in bad)]
    return read_listed(folder, pictures, size, folder.name, cache, unread, tuple(told), follow_links)


def parse_rows(
    entries: Iterable[tuple[int, Mapping[str, Any]]], image: str, report: str, group: str | None
) -> tuple[list[tuple[str, tuple[str, ...], str | None]], list[int]]:
    """Return (image, reports, group) of each picture, and the places of entries that lack image or report.

    Entries of one image are its several reports; a list of images, as of one examination, means the first.
    """
    reports: dict[str, list[str]] = {}
    groups: dict[str, str | None] = {}
    bad = []
    for place, row in entries:
        named, text = row.get(image), row.get(report)
        name = named[0] if isinstance(named, list) and named else named
        if not isinstance(name, str) or not isinstance(text, str) or not name.strip() or _is_missing(text):
            bad.append(place)
            continue
        reports.setdefault(name.strip(), []).append(text)
        groups.setdefault(name.strip(), _group(row, group))
    return [(name, tuple(texts), groups[name]) for name, texts in reports.items()], bad


def _group(row: Mapping[str, Any], group: str | None) -> str | None:
    """Return whose a picture is, without blanks around; None where a table would write that it is not known."""
    same = str(row.get(group) if group is not None else "").strip()
    return None if _is_missing(same) else same


def _is_missing(text: str) -> bool:
    return text.strip().lower() in MISSING


def _account(
    rows: Sequence[Mapping[str, Any]],
    listed: Sequence[tuple[str, tuple[str, ...], str | None]],
    image: str,
    group: str | None,
) -> list[str]:
    """Say which pictures of an examination are left out, and which stand for a group of their own."""
    more = sum(len(named) - 1 for row in rows if isinstance(named := row.get(image), list) and len(named) > 1)
    alone = sum(same is None for *_, same in listed) if group is not None else 0
    first, torn = {name: same for name, _, same in listed}, set()
    for row in rows:
        named = row.get(image)
        name = str(named[0] if isinstance(named, list) and named else named).strip()
        if name in first and (same := _group(row, group)) is not None and same != first[name]:
            torn.add(name)
    further = counted(more, "further picture", "further pictures")
    told = [f"left out: {further} of examinations, of which the first is read"] if more else []
    if torn:
        pictures = counted(len(torn), "picture is", "pictures are")
        told.append(f"{pictures} listed under several of {group}: the first counts ({min(torn)})")
    if alone:
        of = "a group of its own" if alone == 1 else "a group of their own each"
        told.append(f"{counted(alone, 'picture has', 'pictures have')} no {group}: {of}")
    return told


def _read_csv(path: Path, image: str) -> Reports:
    """Read a table with a heading; of columns of one name the first counts.

    A row with more cells than the heading is none, as where a report has commas but no quotation marks.
    """
    text = read_text(path)
    heading: list[str] = []

    def is_row(cells: Sequence[str]) -> bool:
        at = heading.index(image) if image in heading else 0
        return len(cells) >= max(len(heading), 2) and cells[at].strip().lower().endswith(ENDINGS)

    entries, invalid = [], []
    for row in csv_rows(text.lines, is_row):
        if row.fault and not heading:
            raise InputError("dataset.file", path.name, f"is no CSV file: in its heading {row.fault}")
        if not heading:
            heading.extend(row.cells)
        elif row.fault:
            invalid.append(InvalidRecord(path, row.fault, row.line, text.lines[row.line - 1]))
        elif any(cell.strip() for cell in row.cells[len(heading) :]):
            there = f"{counted(len(row.cells), 'cell')}, the heading has {len(heading)}"
            fault = f"{there}: a comma outside of quotation marks?"
            invalid.append(InvalidRecord(path, fault, row.line, text.lines[row.line - 1]))
        else:
            cells = reversed(list(zip(heading, row.cells, strict=False)))
            entries.append((row.line, dict(cells)))
    twice = sorted({name for name in heading if heading.count(name) > 1})
    told = [f"of the columns of {path.name} named {', '.join(twice)} the first was read"] if twice else []
    return Reports(entries, invalid, (*filter(None, [text.told]), *told))


def _read_json(path: Path) -> Reports:
    """Read a JSON list of objects, or a JSON object of such lists, one a split."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError("dataset.file", path.name, f"is no JSON file ({error})") from None
    lists = list(document.values()) if isinstance(document, dict) else [document]
    if not all(isinstance(entries, list) and all(isinstance(row, dict) for row in entries) for entries in lists):
        raise InputError("dataset.file", path.name, "expected a list of objects, or an object of such lists")
    return Reports(list(enumerate((row for entries in lists for row in entries), 1)))
