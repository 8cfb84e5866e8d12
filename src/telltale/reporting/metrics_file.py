"""What other programs read of a run: metrics.json, strict JSON, written whole or not at all; and replicates.npz."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from telltale.evaluation.statistics import Estimate
from telltale.writing import escaped

Metrics = Mapping[str, Any]  # name -> an object with to_json(), e.g. an Estimate
ABOUT = ("value", "n", "note", "plan", "degrees", "distinct", "limits", "rarer")


def metrics_document(
    metrics: Metrics,
    *,
    controls: Mapping[str, Metrics] | None = None,
    rivals: Mapping[str, Metrics] | None = None,
    variants: Mapping[str, Metrics] | None = None,
    leakage: Metrics | None = None,
    guarantee: Mapping[str, Any] | None = None,
    target: Mapping[str, Any] | None = None,
    queries: Mapping[str, int] | None = None,
    seconds: Mapping[str, float] | None = None,
    versus_rivals: Mapping[str, Metrics] | None = None,
    costs: Mapping[str, Any] | None = None,
    answer: Any = None,
    data: Metrics | None = None,
) -> dict[str, Any]:
    """Return the layout of metrics.json as plain objects, in the order a person reads it.

    metrics        what the attack reached
    controls       the same metrics where there is nothing to find, by control
    rivals         the same metrics of other attacks, by rival
    leakage        target minus control
    guarantee      what the defence promises; None: empirical only
    target         how well the owner's own task is learned
    queries        records asked for, by call
    seconds        time by stage
    variants       the same metrics for each other release of the victims
    versus_rivals  paired tests of the attack against each rival, p not corrected for their number
    costs          queries and seconds of each piece of evidence
    answer         whether it leaks, by the strongest attack: stands first
    data           what the data can carry, whoever attacks: stands before that

    The last five are there only where something is in them.
    """
    document: dict[str, Any] = {"data": data} if data else {}
    document |= {"answer": answer} if answer is not None else {}
    document |= {
        "metrics": metrics,
        "controls": controls or {},
        "rivals": rivals or {},
        "leakage": leakage or {},
        "guarantee": guarantee,
        "target": target or {},
        "queries": queries or {},
        "seconds": {stage: round(float(time), 3) for stage, time in (seconds or {}).items()},
    }
    document |= {"variants": variants} if variants else {}
    document |= {"versus_rivals": versus_rivals} if versus_rivals else {}
    document |= {"costs": costs} if costs else {}
    return dict(plain(document))


def write_json(path: Path | str, document: Any, room: int = 0) -> Path:
    """Write strict JSON by way of a temporary file beside it, so that no reader meets half a file.

    room: blanks at its end, for `write_json_in_place`.
    """
    text = json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False) + " " * room + "\n"
    return write_whole(Path(path), text)


def write_whole(path: Path, text: str) -> Path:
    """Write a text as UTF-8 by way of a temporary file beside it: whole or not at all, as it is on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).chmod(0o644)  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)  # noqa: PTH105 (atomic on every platform)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def write_json_in_place(path: Path, document: Any) -> None:
    """Write strict JSON over a file that is there, into the room it has: on a full disk there is no other.

    Does nothing where there is not enough of it; OSError where the file cannot be written at all.
    """
    text = (json.dumps(plain(document), ensure_ascii=False, allow_nan=False) + "\n").encode()
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if len(text) <= size:
            file.seek(0)
            file.write(text.ljust(size))


def plain(value: Any) -> Any:
    """Return value as JSON objects: numpy and `to_json()` unpacked, sets sorted, NaN and ±inf as None, names escaped.

    Mappings keep their order, which is the order of the document. TypeError for anything else.
    """
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if isinstance(value, Mapping):
        return {escaped(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, set | frozenset):
        return [plain(item) for item in sorted(value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | Path):
        return escaped(str(value))
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Sequence):  # after str; lists of a configuration are no `list`
        return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no place in a JSON file")


def write_estimates(metrics: Mapping[str, Mapping[str, Estimate]], file: Path | str) -> None:
    """Keep every estimate of a run, name of evidence -> metric -> estimate, in one .npz that no pickle is needed for.

    "name/metric"  (components, 1 + B) float32: in every row the value, then its replicates
    "about"        one text, JSON: "name/metric" -> what else an `Estimate` holds
    """
    estimates = {f"{name}/{metric}": estimate for name, of in metrics.items() for metric, estimate in of.items()}
    arrays = {
        name: np.insert(estimate.replicates, 0, estimate.value, axis=1).astype(np.float32)
        for name, estimate in estimates.items()
    }
    about = {name: {key: plain(getattr(estimate, key)) for key in ABOUT} for name, estimate in estimates.items()}
    np.savez_compressed(file, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)


def read_estimates(file: Path | str) -> dict[str, Estimate]:
    """Read "name/metric" -> estimate from a run's replicates.npz: value, interval, standard error, note and all.

    Those of one run and one plan can be combined: `one - other` is their paired difference.
    """
    with np.load(file, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        return {name: _estimate(arrays[name], **about[name]) for name in about}


def _estimate(
    rows: np.ndarray, value: float | None, degrees: float | None, limits: Sequence[float | None], **others: Any
) -> Estimate:
    low, high = limits
    return Estimate(
        math.nan if value is None else value,
        rows[:, 1:].astype(float),
        degrees=math.inf if degrees is None else degrees,
        limits=(-math.inf if low is None else low, math.inf if high is None else high),
        **others,
    )
