"""Who was in: a list of ids or row numbers in a file, as the owner of the records says it."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.given import FALSE, TRUE, Given, as_membership, groups_of
from telltale.data.text_files import csv_rows, read_text
from telltale.errors import InputError
from telltale.writing import counted

EXPECTED = "a file of ids or row numbers: .txt or .csv, one a line, .npy or .npz"
MEMBER = (  # columns of a list that says it of each id
    *("member", "members", "is_member", "in_training", "in_train", "training", "trained_on", "trained"),
    *("train", "split", "set", "subset", "in"),
)
NAMES = ("id", "ids", "name", "names", "file", "filename", "file_name", "path", "paths", "row", "rows")  # of an id
SEPARATORS = (",", "\t", ";")  # the first that the first line holds


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

    ids: (rows,) of all records, source: their data set. A file may also hold 1 or 0 of each record, in their order, and
    a .csv a column `member` (or another of MEMBER) of 1 and 0 beside the ids; its heading has one of NAMES or MEMBER.
    Raises InputError for ids that are not in the data, counted, an id that is listed twice or names several records,
    and for a file that cannot be read.
    """
    path = Path(str(members)).expanduser()
    if not path.is_file():
        raise InputError("dataset.members", members, f"no such file; expected {or_else}{EXPECTED}")
    inside = None
    try:
        if path.suffix in (".npy", ".npz"):
            names = _array(path)
        else:
            names, inside = _listed(path, set(ids.astype(str).tolist()))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError("dataset.members", members, f"cannot be read ({error}); expected {EXPECTED}") from None
    if inside is None and _says_of_each(names):
        if len(names) != len(ids):
            expected = f"{len(ids):,} of {source}, one a record, or ids"
            raise InputError("dataset.members", members, f"holds {len(names):,} true and false; expected {expected}")
        return as_membership("dataset.members", names, path)
    return _by_name(names.astype(str), inside, members, ids.astype(str), source)


def _says_of_each(listed: np.ndarray) -> bool:
    """Tell 1 and 0 (or true and false) of each record from ids: these would be there twice."""
    if listed.dtype == bool:
        return True
    words = {word.strip().lower() for word in listed.astype(str).tolist()}
    return len(words) < len(listed) and words <= {*TRUE, *FALSE}


def _by_name(names: np.ndarray, inside: np.ndarray | None, members: Any, ids: np.ndarray, source: str) -> np.ndarray:
    first = ids[0]
    listed, times = np.unique(names, return_counts=True)
    if len(twice := listed[times > 1]):
        raise InputError("dataset.members", members, f"lists {twice[0]}{_more(twice)} more than once")
    if not np.isin(names, ids).any() and len(names) and np.char.isdigit(names).all():
        stripped = {name.lstrip("0") for name in ids.tolist()} - set(ids.tolist())
        if alike := [name for name in names.tolist() if name.lstrip("0") in stripped]:
            expected = f"{alike[0]} is no id of {source}; ids there are like {first}, with zeros in front: list text"
            raise InputError("dataset.members", members, expected)
        ids = np.arange(len(ids)).astype(str)
    names = names if inside is None else names[inside]
    unknown = names[~np.isin(names, ids)]
    if len(unknown):
        of = f"of {len(names):,} are not in {source}; ids there are like {first}"
        raise InputError("dataset.members", members, f"{unknown[0]}{_more(unknown)} {of}")
    member = np.isin(ids, names)
    if member.sum() > len(names):
        known, times = np.unique(ids[member], return_counts=True)
        shared = known[times > 1]
        expected = f"{shared[0]}{_more(shared)} is the id of more than one record of {source}; list row numbers"
        raise InputError("dataset.members", members, expected)
    return member


def _more(of: Sequence[Any] | np.ndarray) -> str:
    return f" and {len(of) - 1:,} more" if len(of) > 1 else ""


def with_groups(given: Given, group: str | None, told: list[str] | None = None) -> Given:
    """Return the same records with whose they are, by a .csv file with an id and a group a line.

    A record that it leaves out is by itself, counted in `told`. Raises InputError for ids that are not in the data.
    """
    if group is None:
        return given
    path = Path(str(group)).expanduser()
    if not path.is_file():
        raise InputError("dataset.group", group, "no such file; expected a .csv with an id and a group a line")
    known = set(given.ids.tolist())
    try:
        rows = _table(path)
    except (OSError, ValueError) as error:
        raise InputError("dataset.group", group, f"cannot be read ({error})") from None
    if rows and len(rows[0]) != 2:
        raise InputError(
            "dataset.group", group, f"has {counted(len(rows[0]), 'column')}; expected an id and a group a line"
        )
    rows = rows[1:] if rows and _is_heading(rows[0], known) else rows
    named: dict[str, str] = {}
    for name, whose in rows:
        if named.setdefault(name, whose) != whose:
            raise InputError("dataset.group", group, f"says of {name} both {named[name]} and {whose}")
    lacking = [name for name in named if name not in known]
    if lacking or not named:
        first = f"{lacking[0]}{_more(lacking)}" if lacking else "what it lists"
        expected = f"{first} is not in {given.source}; ids there are like {given.ids[0]}"
        raise InputError("dataset.group", group, expected)
    alone = [name for name in given.ids.tolist() if name not in named]
    if alone and told is not None:
        told.append(
            f"{len(alone):,} of {len(given):,} records are not in {path.name} and are by themselves ({alone[0]})"
        )
    return replace(given, groups=groups_of([named.get(name) for name in given.ids.tolist()]))


def _is_heading(cells: Sequence[str], known: set[str]) -> bool:
    """Tell a heading from a row: a word for ids, which is none."""
    return any(cell.lower() in (*NAMES, *MEMBER) for cell in cells) and not known.intersection(cells)


def _array(path: Path) -> np.ndarray:
    """Return what an array lists: (n,) of true and false, or text."""
    file = np.load(path, allow_pickle=False)
    if not isinstance(file, np.ndarray):
        with file:
            named = [name for name in file.files if name in MEMBER] or file.files
            if len(named) != 1:
                raise ValueError(f"holds {', '.join(file.files) or 'nothing'}; one array, or one called member")
            file = file[named[0]]
    array = np.asarray(file)
    if max((*array.shape, 0)) != array.size or array.ndim == 0:
        raise ValueError(f"is an array of shape {array.shape}, not (n,)")
    array = array.reshape(-1)
    if array.dtype.kind == "f" and (array == np.rint(array)).all() and np.isfinite(array).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "biuUS":
        raise ValueError(f"is an array of {array.dtype}, not of ids, row numbers, or true and false")
    return array if array.dtype == bool else array.astype(str)


def _listed(path: Path, known: set[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the ids that a text file lists, and of a table with a column `member` which are; None = all are."""
    if path.suffix.lower() not in (".csv", ".tsv"):
        lines = [line.strip() for line in read_text(path).lines if line.strip()]
        return np.array(lines[1:] if lines and _is_heading(lines[:1], known) else lines, dtype=str), None
    rows = _table(path)
    if not rows:
        return np.zeros(0, str), None
    heading, body = [cell.lower() for cell in rows[0]], rows[1:]
    if len(heading) == 1:
        return np.array([row[0] for row in (body if _is_heading(rows[0], known) else rows)], dtype=str), None
    there = ", ".join(rows[0])
    said = [at for at, name in enumerate(heading) if name in MEMBER]
    if len(said) != 1:
        which = " and ".join(heading[at] for at in said)
        lack = f"{which} could each say it; keep one" if said else f"none is called {', '.join(MEMBER)}"
        raise ValueError(f"its columns are {there}: {lack}")
    others = [at for at in range(len(heading)) if at not in said]
    named = others if len(others) == 1 else [at for at in others if heading[at] in NAMES]
    if len(named) != 1:
        raise ValueError(f"its columns are {there}: expected one of ids, called {', '.join(NAMES)}")
    inside = as_membership("dataset.members", np.array([row[said[0]] for row in body], dtype=str), path)
    return np.array([row[named[0]] for row in body], dtype=str), inside


def _table(path: Path) -> list[list[str]]:
    """Return the rows of a small table, without blank ones. Raises ValueError for one of another width."""
    lines = read_text(path).lines
    first = next((line for line in lines if line.strip()), "")
    separator = next((mark for mark in SEPARATORS if mark in first), ",")
    rows: list[list[str]] = []
    width = first.count(separator) + 1
    for row in csv_rows(lines, lambda cells: len(cells) == width, separator):
        cells = [cell.strip() for cell in row.cells]
        if row.fault:
            raise ValueError(f"line {row.line}: {row.fault}")
        if rows and any(cells) and len(cells) != len(rows[0]):
            raise ValueError(f"line {row.line} has {counted(len(cells), 'cell')}, the first {len(rows[0])}")
        rows += [cells] if any(cells) else []
    return rows
