"""Answers from files: our own `answers.npz`, a table of scores, and the folders of LiRA's authors' code."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from telltale.checks import choice
from telltale.data.given import as_membership
from telltale.errors import InputError
from telltale.game.answers import GIVES, OPTIONAL, Answers

ALIASES = {"member": "membership", "members": "membership", "keep": "membership", "y": "labels", "id": "ids"}


def read_answers(file: Any, layout: str = "npz") -> Answers:
    """Read answers; layout: npz | csv | lira. Raises InputError for what does not fit, naming what was expected."""
    choice("scores.layout", layout, READERS)
    if not file:
        raise InputError("scores", "null", "the file or folder that holds them, e.g. scores=answers.npz")
    path = Path(str(file)).expanduser()
    if not path.exists():
        raise InputError("scores", file, "no such file or folder")
    return READERS[layout](path)


def read_npz(path: Path) -> Answers:
    """Read arrays under the names of `Answers`, or `scores` and `membership` alone; (points,) is one model."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {ALIASES.get(name, name): file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError("scores", path, f"cannot be read as .npz without pickles ({error})") from None
    gives = str(arrays.pop("gives", ""))
    for name in GIVES:
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


def read_lira(folder: Path) -> Answers:
    """Read the layout of LiRA's authors' code (tensorflow/privacy, mi_lira_2021), by whose words files are named.

    <model>/keep.npy                (points,) bool
    <model>/logits/<epoch>.npy      (points, queries, classes), or with an axis of one between; the last epoch is read
    y_train.npy                     (points,), beside the models or in each; in one of the folders is enough
    """
    keeps = sorted(folder.glob("*/keep.npy"))
    if not keeps:
        expected = "expected folders <model>/ with keep.npy and logits/<epoch>.npy, and y_train.npy"
        raise InputError("scores", folder, f"there is no */keep.npy; {expected}")
    logits, members = [], []
    for keep in keeps:
        epochs = sorted((keep.parent / "logits").glob("*.npy"))
        if not epochs:
            raise InputError("scores", keep.parent, "there is no logits/<epoch>.npy")
        logits.append(_load(epochs[-1]))
        members.append(_load(keep))
    shapes = {array.shape for array in logits} | {(len(array), *logits[0].shape[1:]) for array in members}
    if len(shapes) > 1:
        shown = " and ".join(map(str, sorted(shapes)))
        raise InputError("scores", folder, f"arrays of models differ in shape: {shown}")
    stacked = np.stack(logits).astype(np.float64)
    stacked = stacked.reshape(*stacked.shape[:2], -1, stacked.shape[-1])
    powers = np.exp(stacked - stacked.max(-1, keepdims=True))
    probabilities = powers / powers.sum(-1, keepdims=True)
    labels = next((_load(file) for file in sorted(folder.rglob("y_train.npy"))), None)
    if labels is None:
        raise InputError("scores", folder, "there is no y_train.npy: the true class of each point")
    if probabilities.shape[2] == 1:
        probabilities = probabilities[:, :, 0]
    membership = as_membership("scores.membership", np.stack(members), folder)
    return Answers("probabilities", probabilities, membership, folder.name, labels.reshape(-1).astype(np.int64))


READERS: dict[str, Callable[[Path], Answers]] = {"npz": read_npz, "csv": read_csv, "lira": read_lira}


def _load(file: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise InputError("scores", file, f"cannot be read as .npy without pickles ({error})") from None
