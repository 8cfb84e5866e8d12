"""Who was in: a list of ids or row numbers in a file, as the owner of the records says it."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.given import Given, as_membership
from telltale.errors import InputError

EXPECTED = "a file of ids or row numbers: .txt or .csv, one a line, .npy or .npz"
MEMBER = ("member", "members", "in_training", "is_member")  # columns of a list that says it of each id


def with_said(given: Given, members: str | None) -> Given:
    """Return the same records with the members that a file lists; as they are where none is named."""
    return given if members is None else given.with_members(read_members(members, given))


def read_members(members: Any, given: Given, or_else: str = "") -> np.ndarray:
    """Return who was a member, (n,) bool, by a file of ids or of row numbers from 0.

    A .csv may have a heading, and a column `member` of 1 and 0 beside the ids; a .npy or .npz may hold (n,) true and
    false. or_else: what else `dataset.members` may name, for the message. Raises InputError for ids that are not in
    the data, counted, and for a file that cannot be read.
    """
    path = Path(str(members)).expanduser()
    if not path.is_file():
        raise InputError("dataset.members", members, f"no such file; expected {or_else}{EXPECTED}")
    try:
        listed = _arrays(path) if path.suffix in (".npy", ".npz") else _lines(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, csv.Error) as error:
        raise InputError("dataset.members", members, f"cannot be read ({error}); expected {EXPECTED}") from None
    if listed.dtype == bool:
        if listed.shape != (len(given),):
            expected = f"{len(given):,} of {given.source}, one a record"
            raise InputError("dataset.members", members, f"holds {listed.size:,} true and false; expected {expected}")
        return listed
    return _by_name(listed.astype(str), members, given)


def by_name(names: np.ndarray, given: Given) -> tuple[np.ndarray, np.ndarray]:
    """Return who is named, (n,) bool, and the names that are no record's: ids, else row numbers from 0."""
    ids = given.ids.astype(str)
    if not np.isin(names, ids).any() and np.char.isdigit(names).all():
        ids = np.arange(len(given)).astype(str)
    return np.isin(ids, names), names[~np.isin(names, ids)]


def _by_name(names: np.ndarray, members: Any, given: Given) -> np.ndarray:
    member, unknown = by_name(names, given)
    if len(unknown) == 1 < len(names) and unknown[0] == names[0] and not unknown[0].isdigit():
        return member  # a heading
    if len(unknown):
        more = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
        of = f"of {len(names):,} are not in {given.source}; ids there are like {given.ids[0]}"
        raise InputError("dataset.members", members, f"{unknown[0]}{more} {of}")
    return member


def _arrays(path: Path) -> np.ndarray:
    file = np.load(path, allow_pickle=False)
    if isinstance(file, np.ndarray):
        return file.reshape(-1)
    with file:
        named = [name for name in file.files if name in MEMBER] or file.files
        if len(named) != 1:
            raise ValueError(f"holds {', '.join(file.files) or 'nothing'}; one array, or one called member")
        return np.asarray(file[named[0]]).reshape(-1)


def _lines(path: Path) -> np.ndarray:
    """Return the ids that a text file lists; of a table with a column `member`, those of which that says so."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix != ".csv":
        return np.array([line.strip() for line in text.splitlines() if line.strip()], dtype=str)
    rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    heading = [cell.strip().lower() for cell in rows[0]] if rows else []
    if len(heading) > 1 and (at := next((heading.index(name) for name in MEMBER if name in heading), None)) is not None:
        named = heading.index("id") if "id" in heading else int(at == 0)
        full = [row for row in rows[1:] if len(row) == len(heading)]
        inside = as_membership("dataset.members", np.array([row[at] for row in full], dtype=str), path)
        return np.array([row[named].strip() for row in full], dtype=str)[inside]
    return np.array([row[0].strip() for row in rows], dtype=str)
