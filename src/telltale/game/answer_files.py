"""Answers from files and into files: our own `answers.npz`, a table of scores, and the layouts of other tools."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from telltale.checks import choice
from telltale.data.compressed import LARGEST, require_npz_size
from telltale.data.given import as_membership
from telltale.errors import InputError
from telltale.game.answers import GIVES, OPTIONAL, Answers
from telltale.game.layouts import (
    read_leakpro,
    read_lira,
    read_privacy_meter,
    write_leakpro,
    write_lira,
    write_privacy_meter,
)

ALIASES = {"member": "membership", "members": "membership", "keep": "membership", "y": "labels", "id": "ids"}


def read_answers(file: Any, layout: str = "npz") -> Answers:
    """Read answers; layout: one of `READERS`. Raises InputError for what does not fit, naming what was expected."""
    choice("scores.layout", layout, READERS)
    if not file:
        raise InputError("scores", "null", "the file or folder that holds them, e.g. scores=answers.npz")
    path = Path(str(file)).expanduser()
    if not path.exists():
        raise InputError("scores", file, "no such file or folder")
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
            arrays = {ALIASES.get(name, name): file[name] for name in file.files}
    except InputError:
        raise InputError("scores", path, f"holds more than {LARGEST:g} GiB; give fewer models or points") from None
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError("scores", path, f"cannot be read as .npz without pickles ({error})") from None
    gives = str(arrays.pop("gives", ""))
    for name in sorted(GIVES, key=lambda name: name == "labels"):  # which beside others are the true ones
        if name in arrays and "answers" not in arrays:
            arrays["answers"], gives = arrays.pop(name), gives or name
    if missing := {"answers", "membership"} - arrays.keys():
        names = ", ".join(sorted(arrays)) or "nothing"
        expected = f"holds {names}; expected membership and one of {', '.join(GIVES)} (missing: {', '.join(missing)})"
        raise InputError("scores", path, expected)
    answers, membership = arrays["answers"], arrays["membership"]
    if membership.ndim == 1:
        answers, membership = answers[None], membership[None]
    known = {name: arrays[name] for name in OPTIONAL if name in arrays}
    return Answers(
        gives or "scores",
        answers,
        as_membership("scores.membership", membership, path),
        source=str(arrays.get("source", path.name)),
        classes=tuple(str(name) for name in arrays.get("classes", ())),
        victims=int(arrays["victims"]) if "victims" in arrays else None,
        **known,
    )


def write_npz(answers: Answers, folder: Path) -> tuple[str, ...]:
    """Write answers.npz into a new folder; nothing is left out."""
    folder.mkdir(parents=True)
    answers.save(folder / "answers.npz")
    return ()


def read_csv(path: Path) -> Answers:
    """Read a table with the columns score and member, and perhaps id, group and label: one row a point, one model."""
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError("scores", path, f"cannot be read as CSV ({error})") from None
    columns = {str(name).strip().lower(): name for name in table.columns}
    if missing := [name for name in ("score", "member") if name not in columns]:
        there = ", ".join(map(str, table.columns))
        raise InputError("scores", path, f"there is no column {' and no '.join(missing)}; there are {there}")
    scores = pd.to_numeric(table[columns["score"]], errors="coerce").to_numpy(float)
    if len(bad := np.flatnonzero(~np.isfinite(scores))):
        value = table[columns["score"]].iloc[bad[0]]
        raise InputError("scores", path, f"line {bad[0] + 2}: the score is {value!r}; expected a finite number")
    ids = table[columns["id"]].to_numpy(str) if "id" in columns else None
    groups = np.unique(table[columns["group"]], return_inverse=True)[1] if "group" in columns else None
    membership = as_membership("scores.membership", table[columns["member"]].to_numpy(str), path)
    return Answers("scores", scores[None], membership[None], source=path.name, ids=ids, groups=groups)


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
