"""Answers from files and into files: our own `answers.npz`, a table of scores, and the layouts of other tools."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from telltale.checks import choice
from telltale.data.compressed import LARGEST, require_npz_size
from telltale.data.given import as_membership, groups_of
from telltale.data.text_files import csv_rows, read_text, row_test
from telltale.errors import InputError
from telltale.game.answers import GIVES, OPTIONAL, UNKNOWN, Answers
from telltale.game.given_arrays import with_models
from telltale.game.layouts import (
    read_leakpro,
    read_lira,
    read_privacy_meter,
    write_leakpro,
    write_lira,
    write_privacy_meter,
)
from telltale.writing import counted

ALIASES = {"member": "membership", "members": "membership", "keep": "membership", "y": "labels", "id": "ids"}


def read_answers(file: Any, layout: str = "npz") -> Answers:
    """Read answers; layout: one of `READERS`. Raises InputError for what does not fit, naming what was expected."""
    choice("scores.layout", layout, READERS)
    if not file:
        raise InputError("scores", "null", "the file or folder that holds them, e.g. scores=answers.npz")
    path = Path(str(file)).expanduser()
    if not path.exists():
        raise InputError("scores", file, "no such file or folder")
    if layout == "npz" and (path.is_dir() or path.suffix.lower() == ".csv"):
        of = "lira, privacy_meter or leakpro" if path.is_dir() else "csv"
        raise InputError("scores.layout", layout, f"{path.name} is a {'folder' if path.is_dir() else 'CSV'}; say {of}")
    return READERS[layout](path)


def write_answers(answers: Answers, layout: str, folder: Path) -> tuple[str, ...]:
    """Write answers in a layout into a new folder; returns what had no place there.

    Raises InputError where the folder holds something, cannot be written, or the layout needs what there is not.
    """
    choice("--to", layout, WRITERS)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("FOLDER", folder, "is there already; give the name of a new folder")
    with suppress(OSError):
        folder.rmdir()  # an empty one
    try:
        return WRITERS[layout](answers, folder)
    except OSError as error:
        raise InputError("FOLDER", folder, f"cannot be written ({error.strerror})") from error


def read_npz(path: Path) -> Answers:
    """Read arrays under the names of `Answers`, or `scores` and `membership` alone; (points,) is one model."""
    try:
        require_npz_size(path, LARGEST)
        with np.load(path, allow_pickle=False) as file:
            names = [ALIASES.get(name, name) for name in file.files]
            arrays = {name: file[own] for name, own in zip(names, file.files, strict=True)}
    except InputError:
        raise InputError("scores", path, f"holds more than {LARGEST:g} GiB; give fewer models or points") from None
    except (OSError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as error:
        raise InputError("scores", path, f"cannot be read as .npz without pickles ({error})") from None
    if twice := [name for name, of in Counter(names).items() if of > 1]:
        called = [own for own, name in zip(file.files, names, strict=True) if name == twice[0]]
        raise InputError("scores", path, f"holds {' and '.join(called)}, which mean the same; leave one out")
    bare, gives = "answers" in arrays, _named_answers(arrays, path)
    if missing := {"answers", "membership"} - arrays.keys():
        there = ", ".join(sorted(arrays)) or "nothing"
        expected = f"holds {there}; expected membership and one of {', '.join(GIVES)} (missing: {', '.join(missing)})"
        raise InputError("scores", path, expected)
    if bare and not gives:
        expected = f"holds answers, but not what they are: add gives ({', '.join(GIVES)}), or call the array so"
        raise InputError("scores", path, expected)
    known = {name: _fitting(name, arrays[name], path) for name in ("answers", "victims", *OPTIONAL) if name in arrays}
    membership = as_membership("scores.membership", arrays["membership"], path)
    answers, membership, population = with_models(
        gives, known.pop("answers"), membership, known.pop("population", None)
    )
    return Answers(
        gives,
        answers,
        membership,
        source=str(arrays.get("source", path.name)),
        classes=tuple(str(name) for name in np.atleast_1d(arrays.get("classes", ()))),
        population=population,
        split=str(arrays.get("split", UNKNOWN)),
        **known,
    )


def _named_answers(arrays: dict[str, Any], path: Path) -> str:
    """Have the array that is judged called "answers"; returns what it holds, as `gives` or its name says.

    Labels beside others are the true ones. Raises InputError where several arrays could be meant.
    """
    gives = str(arrays.pop("gives", ""))
    named = [name for name in ("answers", *GIVES) if name in arrays and name != "labels"]
    if "answers" in arrays or gives not in arrays:
        if len(named) > 1:
            expected = f"holds {' and '.join(named)}: which is judged? Leave one out"
            more = "" if "answers" in arrays else f", or add gives ({' or '.join(named)})"
            raise InputError("scores", path, expected + more)
        named = named or [name for name in ("labels",) if name in arrays]
    else:
        named = [gives]
    for name in named:
        arrays["answers"], gives = arrays.pop(name), gives or ("" if name == "answers" else name)
    return gives


def _fitting(name: str, array: np.ndarray, path: Path) -> Any:
    """Return an array as numbers where these are meant, groups numbered. Raises InputError for what is none."""
    if name == "ids":
        return array.astype(str)
    if name.endswith("labels"):
        return array  # which may be names of classes
    if name == "groups":
        return groups_of(array.reshape(-1))
    if array.dtype.kind not in "fiub" or (name == "victims" and (array.ndim or array.dtype.kind not in "iu")):
        what = "one whole number" if name == "victims" else "numbers"
        raise InputError(f"scores.{name}", path, f"is {array.dtype} {array.shape}; expected {what}")
    if name == "victims":
        return int(array)
    if name.endswith("features"):
        return array.astype(np.float32)
    return array.astype(np.int64) if array.dtype == bool else array


def write_npz(answers: Answers, folder: Path) -> tuple[str, ...]:
    """Write answers.npz into a new folder; nothing is left out."""
    folder.mkdir(parents=True)
    answers.save(folder / "answers.npz")
    return ()


def read_csv(path: Path) -> Answers:
    """Read a table with the columns score and member, and perhaps id, group and label: one row a point, one model."""
    lines, rows = _rows(path)
    there = rows[0] if rows else []
    columns = {name.lower(): at for at, name in enumerate(there)}
    if missing := [name for name in ("score", "member") if name not in columns]:
        shown = ", ".join(there)
        raise InputError("scores", path, f"there is no column {' and no '.join(missing)}; there are {shown}")
    if len(columns) < len(there):
        raise InputError("scores", path, f"several columns have one name: {', '.join(there)}")
    cells = {name: [row[at] for row in rows[1:]] for name, at in columns.items()}
    scores = np.array([_number(cell, line, path) for line, cell in zip(lines[1:], cells["score"], strict=True)])
    ids = np.array(cells["id"], dtype=str) if "id" in cells else None
    groups = groups_of(cells["group"]) if "group" in cells else None
    membership = as_membership("scores.membership", np.array(cells["member"], dtype=str), path)
    return Answers("scores", scores[None], membership[None], source=path.name, ids=ids, groups=groups)


def _rows(path: Path) -> tuple[list[int], list[list[str]]]:
    """Return the rows of a table and their lines. Raises InputError for one that has not the heading's cells."""
    try:
        text = read_text(path).lines
    except OSError as error:
        raise InputError("scores", path, f"cannot be read as CSV ({error})") from None
    first = next((line for line in text if line.strip()), "")
    separator = next((mark for mark in (",", "\t", ";") if mark in first), ",")
    lines: list[int] = []
    rows: list[list[str]] = []
    faults: list[str] = []
    for row in csv_rows(text, row_test(text, separator, by_width=True), separator):
        cells = [cell.strip() for cell in row.cells]
        if row.fault:
            faults.append(f"line {row.line}: {row.fault}")
        elif rows and len(cells) != len(rows[0]):
            faults.append(f"line {row.line} has {counted(len(cells), 'cell')}, the heading {len(rows[0])}")
        lines.append(row.line)
        rows.append(cells)
    if faults:
        more = f" ({len(faults):,} such lines)" if len(faults) > 1 else ""
        raise InputError("scores", path, f"{faults[0]}{more}")
    return lines, rows


def _number(cell: str, line: int, path: Path) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number) or "_" in cell:
        raise InputError("scores", path, f"line {line}: the score is {cell!r}; expected a finite number")
    return number


READERS: dict[str, Callable[[Path], Answers]] = {
    "npz": read_npz,
    "csv": read_csv,
    "lira": read_lira,
    "privacy_meter": read_privacy_meter,
    "leakpro": read_leakpro,
}
WRITERS: dict[str, Callable[[Answers, Path], tuple[str, ...]]] = {
    "lira": write_lira,
    "privacy_meter": write_privacy_meter,
    "leakpro": write_leakpro,
    "npz": write_npz,
}
