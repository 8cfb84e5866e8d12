"""Who was in: a list of ids or row numbers in a file, as the owner of the records says it."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.given import Given, as_membership, groups_of
from telltale.errors import InputError

EXPECTED = "a file of ids or row numbers: .txt or .csv, one a line, .npy or .npz"
MEMBER = ("member", "members", "in_training", "is_member")  # columns of a list that says it of each id


def with_said(
    given: Given, members: str | None, ids: np.ndarray | None = None, kept: np.ndarray | None = None, or_else: str = ""
) -> Given:
    """Return the same records with the members that a file lists; as they are where none is named.

    ids: (rows,) of all that the owner's files hold, kept: (n,) which of these rows each record is; None = all are.
    or_else: what else `dataset.members` may name, for the message.
    """
    if members is None:
        return given
    listed = read_members(members, given.ids if ids is None else ids, given.source, or_else)
    return given.with_members(listed if kept is None else listed[kept])


def read_members(members: Any, ids: np.ndarray, source: str, or_else: str = "") -> np.ndarray:
    """Return who was a member, (rows,) bool, by a file of ids or of row numbers from 0.

    ids: (rows,) of all records, source: their data set. A .csv may have a heading, and a column `member` of 1 and 0
    beside the ids; a .npy or .npz may hold (rows,) true and false. Raises InputError for ids that are not in the data,
    counted, and for a file that cannot be read.
    """
    path = Path(str(members)).expanduser()
    if not path.is_file():
        raise InputError("dataset.members", members, f"no such file; expected {or_else}{EXPECTED}")
    try:
        listed = _arrays(path) if path.suffix in (".npy", ".npz") else _lines(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, csv.Error) as error:
        raise InputError("dataset.members", members, f"cannot be read ({error}); expected {EXPECTED}") from None
    if listed.dtype == bool:
        if listed.shape != ids.shape:
            expected = f"{len(ids):,} of {source}, one a record"
            raise InputError("dataset.members", members, f"holds {listed.size:,} true and false; expected {expected}")
        return listed
    return _by_name(listed.astype(str), members, ids.astype(str), source)


def _by_name(names: np.ndarray, members: Any, ids: np.ndarray, source: str) -> np.ndarray:
    first = ids[0]
    if not np.isin(names, ids).any() and len(names) and np.char.isdigit(names).all():
        ids = np.arange(len(ids)).astype(str)
    unknown = names[~np.isin(names, ids)]
    heading = len(unknown) == 1 < len(names) and unknown[0] == names[0] and not unknown[0].isdigit()
    if len(unknown) and not heading:
        more = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
        of = f"of {len(names):,} are not in {source}; ids there are like {first}"
        raise InputError("dataset.members", members, f"{unknown[0]}{more} {of}")
    return np.isin(ids, names)


def with_groups(given: Given, group: str | None) -> Given:
    """Return the same records with whose they are, by a .csv file with an id and a group a line.

    A record that it leaves out is by itself. Raises InputError for ids that are not in the data.
    """
    if group is None:
        return given
    path = Path(str(group)).expanduser()
    if not path.is_file():
        raise InputError("dataset.group", group, "no such file; expected a .csv with an id and a group a line")
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if len(row) > 1]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError("dataset.group", group, f"cannot be read ({error})") from None
    known = set(given.ids.tolist())
    named = {row[0].strip(): row[1].strip() for row in rows if row[0].strip() in known}
    lacking = [row[0].strip() for row in rows[1:] if row[0].strip() not in known]
    if lacking or not named:
        first = lacking[0] if lacking else "what it lists"
        expected = f"{first} is not in {given.source}; ids there are like {given.ids[0]}"
        raise InputError("dataset.group", group, expected)
    return replace(given, groups=groups_of([named.get(name) for name in given.ids.tolist()]))


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
