"""Pictures with a report each, as radiologists write them: your own, listed in a CSV or JSON file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from telltale.data.captions.listed import Listed, read_listed
from telltale.data.captions.read import ReadCaptions
from telltale.data.folders import require_root, why_no_file
from telltale.data.loaded import InvalidRecord
from telltale.errors import InputError

EXPECTED = "a folder with pictures and a .csv or .json file that lists image and report of each"


def load(
    root: str | None = None,
    file: str = "reports.csv",
    image: str = "image",
    report: str = "report",
    group: str | None = None,
    size: int = 32,
    cache: str | None = None,
) -> ReadCaptions:
    """Return the pictures that `file` below `root` lists, the middle square of each scaled to `size`.

    image, report: the columns or keys that hold a picture's path below `root` and its text; group: that of what
    must not be parted, e.g. the patient; cache: folder where the small pictures are kept. Rows without either, and
    pictures that are missing or cannot be read, are listed as invalid. Raises InputError where there are none.
    """
    folder = require_root(root, EXPECTED)
    path = folder / file
    if why_no_file(path) or path.suffix.lower() not in (".csv", ".json"):
        raise InputError("dataset.file", file, f"no such .csv or .json file in {folder}; expected {EXPECTED}")
    entries = list(_rows(path))
    for field, key in (("image", image), ("report", report), ("group", group)):
        if key is not None and entries and not any(key in row for row in entries):
            keys = ", ".join(sorted({str(key) for row in entries for key in row})[:20])
            raise InputError(f"dataset.{field}", key, f"no row of {file} has it; there are {keys}")
    listed, bad = parse_rows(entries, image, report, group)
    pictures = [Listed(folder / name, texts, same) for name, texts, same in listed]
    unread = [InvalidRecord(path, f"row {number} has no {image} or no {report}") for number in bad]
    return read_listed(folder, pictures, size, folder.name, cache, unread)


def parse_rows(
    entries: Iterable[Mapping[str, Any]], image: str, report: str, group: str | None
) -> tuple[list[tuple[str, tuple[str, ...], str | None]], list[int]]:
    """Return (image, reports, group) of each picture, and the numbers, from 1, of rows that lack image or report.

    Rows of one image are its several reports; a list of images, as of one examination, means the first.
    """
    reports: dict[str, list[str]] = {}
    groups: dict[str, str | None] = {}
    bad = []
    for number, row in enumerate(entries, 1):
        named, text = row.get(image), row.get(report)
        name = named[0] if isinstance(named, list) and named else named
        if not isinstance(name, str) or not isinstance(text, str) or not name.strip() or not text.strip():
            bad.append(number)
            continue
        reports.setdefault(name.strip(), []).append(text)
        same = row.get(group) if group is not None else None
        groups.setdefault(name.strip(), None if same in (None, "") else str(same))
    return [(name, tuple(texts), groups[name]) for name, texts in reports.items()], bad


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    """Read a table with a heading, a JSON list of objects, or a JSON object of such lists, one a split."""
    if path.suffix.lower() == ".csv":
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
            try:
                yield from csv.DictReader(stream)
            except csv.Error as error:
                raise InputError("dataset.file", path.name, f"is no CSV file ({error})") from None
        return
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError("dataset.file", path.name, f"is no JSON file ({error})") from None
    lists = list(document.values()) if isinstance(document, dict) else [document]
    if not all(isinstance(entries, list) and all(isinstance(row, dict) for row in entries) for entries in lists):
        raise InputError("dataset.file", path.name, "expected a list of objects, or an object of such lists")
    for entries in lists:
        yield from entries
