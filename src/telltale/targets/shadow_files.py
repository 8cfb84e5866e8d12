"""Shadow models that a user has: their files, and a table of what each was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.given import as_membership
from telltale.errors import InputError
from telltale.targets.shadows import Table
from telltale.writing import counted

FILES, MEMBERS = "target.shadows", "target.shadow_members"
LEAST = 2
SHOWN = 4  # names of files in a message


def shadow_files(pattern: Any, members: Any) -> list[Path]:
    """Return the files of shadow models, by name; none where there is no pattern. Raises InputError for too few."""
    if pattern is None and members is None:
        return []
    if pattern is None or members is None:
        missing, there = (FILES, MEMBERS) if pattern is None else (MEMBERS, FILES)
        raise InputError(missing, "null", f"goes with {there}: the weights, and what each was trained on")
    path = Path(str(pattern)).expanduser()
    files = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
    if len(files) < LEAST:
        raise InputError(FILES, pattern, f"matches {counted(len(files), 'file')}; expected {LEAST} at least")
    return files


def require_others(files: list[Path], weights: Any) -> None:
    """Refuse, by InputError, the file of the model audited among those of its shadow models."""
    target = Path(str(weights)).expanduser()
    for file in files:
        if target.exists() and file.samefile(target):
            raise InputError(FILES, file, "is the file of the model audited (target.weights); leave it out")


def members_of(place: str, files: list[Path], table: Table) -> np.ndarray:
    """Read what each shadow model was trained on, (files, points) bool.

    .npy: (files, records), files by name and records as in the data; .csv: a column `id` and one for each file, called
    as the file is, with or without its ending; records that it does not list were in none.
    Raises InputError where they do not fit the files or the data.
    """
    path = Path(place).expanduser()
    if not path.is_file():
        raise InputError(MEMBERS, place, "no such file; expected .csv with id and a column for each file, or .npy")
    said = _of_array(path, files, table) if path.suffix == ".npy" else _of_table(path, files, table)
    empty = np.flatnonzero(~said.any(1) | said.all(1))
    if len(empty):
        what = "all" if said[empty[0]].all() else "none"
        raise InputError(
            MEMBERS, place, f"{what} of the {said.shape[1]:,} records asked about are in {files[empty[0]]}"
        )
    return said


def order_of(place: str, files: list[Path]) -> str:
    """Say which file each row of an .npy is, as nothing in it tells; "" of a table, which names them.

    >>> order_of("in.npy", [Path("s1.pt"), Path("s10.pt"), Path("s2.pt")])
    ', rows of in.npy by name as text: s1.pt, s10.pt, s2.pt'
    """
    names = [file.name for file in files]
    shown = names if len(names) <= SHOWN else [*names[: SHOWN - 1], "…", names[-1]]
    path = Path(place)
    return f", rows of {path.name} by name as text: {', '.join(shown)}" if path.suffix == ".npy" else ""


def _of_array(path: Path, files: list[Path], table: Table) -> np.ndarray:
    try:
        listed = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(MEMBERS, path, f"cannot be read as .npy without pickles ({error})") from None
    if listed.shape != (len(files), table.total):
        expected = f"({len(files)}, {table.total}): files by name, records as in the data"
        raise InputError(MEMBERS, path, f"an array {listed.shape}; expected {expected}")
    return as_membership(MEMBERS, listed, path)[:, table.rows]


def _of_table(path: Path, files: list[Path], table: Table) -> np.ndarray:
    import pandas as pd

    try:
        listed = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(MEMBERS, path, f"cannot be read as CSV ({error})") from None
    columns = [next((name for name in (file.name, file.stem) if name in listed), None) for file in files]
    for name, file in (("id", "id"), *zip(columns, (file.stem for file in files), strict=True)):
        if name not in listed:
            there = ", ".join(map(str, listed.columns))
            raise InputError(MEMBERS, path, f"there is no column {file}; there are {there}")
    values = as_membership(MEMBERS, listed[columns].to_numpy(str), path)
    if len(twice := listed["id"][listed["id"].duplicated()]):
        raise InputError(MEMBERS, path, f"{counted(len(twice), 'id stands', 'ids stand')} there twice: {twice.iloc[0]}")
    place = {name: row for row, name in enumerate(listed["id"].tolist())}
    if not any(name in place for name in table.challenge.ids.tolist()):
        raise InputError(MEMBERS, path, f"no id is one of the data's, which are like {table.challenge.ids[0]}")
    rows = np.array([place.get(name, -1) for name in table.challenge.ids.tolist()])
    return np.where(rows < 0, False, values[rows].T)
