"""`telltale compare`: two runs, number by number; paired where they judge the same points with the same draws."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from telltale.errors import InputError
from telltale.evaluation.comparison import PairedTest
from telltale.evaluation.statistics import Estimate
from telltale.evaluation.variance import students_p, students_quantile
from telltale.reporting.metrics_file import read_estimates
from telltale.verbs.found import Run, run_named, table
from telltale.writing import counted

DREW = ("dataset", "pools", "seed", "downstream", "downstream_share", "victims", "shadow_models")  # decide the points
OF_TARGET = "population"  # share of held-out records that an audit does not judge
GIVEN = ("scores", "audit")  # attacks whose membership is given


def compare(first: str, second: str, outputs: Path, evidence: str = "target") -> None:
    """Print B − A with its interval for each number that both have. Raises InputError where there is none."""
    a, b = run_named(first, outputs), run_named(second, outputs)
    of_a, of_b = _estimates(a), _estimates(b)
    for run, of_run in ((a, of_a), (b, of_b)):
        if evidence not in of_run:
            raise InputError("--evidence", evidence, f"{run.name} has {', '.join(of_run)}")
    ours, theirs = of_a[evidence], of_b[evidence]
    shared = [name for name in ours if name in theirs and ours[name].replicates.size and theirs[name].replicates.size]
    if not shared:
        raise InputError("B", b.name, f"has no number with an interval that {a.name} has, too")
    for letter, run in (("A", a), ("B", b)):
        print(f"{letter}  {run.name}: {run.answer.get('sentence', run.status)}")
    why = why_unpaired(a, b, ours[shared[0]], theirs[shared[0]])
    print(f"not paired: {why}; differences are as if the runs had nothing in common" if why else _PAIRED)
    rows = [(name, *_row(ours[name], theirs[name], paired=not why)) for name in shared]
    print(table((evidence, "A", "B", "B − A", "p"), rows))
    for name, note in _notes(ours, theirs, shared):
        print(f"note  {name}: {note}")
    others = [name for name in of_a if name in of_b and name != evidence]
    if others:
        print(f"both also have, for --evidence: {', '.join(others)}")


_PAIRED = "paired: both judge the same points, by the same draws; p is not corrected for the number of lines"


def why_unpaired(a: Run, b: Run, ours: Estimate, theirs: Estimate) -> str:
    """Say why two numbers of two runs cannot be paired; empty: they can.

    The same draws say nothing alone: they follow from a seed and a number of points. So the points must be the same,
    too: by what decided them, and by who was a member.
    """
    members = [_kept(run, "membership") for run in (a, b)]
    if members[0] is None or members[1] is None:
        return "a run keeps no membership of points"
    if members[0].shape != members[1].shape:
        return " and ".join(f"{run.name} has {_size(table_)}" for run, table_ in ((a, members[0]), (b, members[1])))
    if not np.array_equal(members[0], members[1]):
        return "other records were members"
    if other := _other_points(a, b):
        return other
    if ours.plan != theirs.plan or ours.replicates.shape != theirs.replicates.shape:
        return "the bootstrap drew otherwise (seed, evaluation.replicates, dataset.group)"
    return ""


def _size(members: np.ndarray) -> str:
    return f"{counted(members.shape[1], 'point')} of {counted(members.shape[0], 'model')}"


def _other_points(a: Run, b: Run) -> str:
    """Say which setting makes other points; of scores from files, which have none, the ids of the points decide."""
    names = [_kept(run, "ids") for run in (a, b)]
    if names[0] is not None and names[1] is not None and not np.array_equal(names[0], names[1]):
        other = set(names[0].tolist()) != set(names[1].tolist())
        return "the points have other ids" if other else "the points stand in another order, by their ids"
    if "scores" in (a.attack, b.attack):
        lacking = [run.name for run, ids in zip((a, b), names, strict=True) if ids is None]
        return f"that the points are the same is not known: no ids in {' and '.join(lacking)}" if lacking else ""
    here, there = (_settings(run) for run in (a, b))
    name = next((name for name in here.keys() | there.keys() if here.get(name) != there.get(name)), "")
    return f"{name} differs" if name else ""


def _settings(run: Run) -> dict[str, Any]:
    found = {name: run.configuration.get(name) for name in DREW}
    if run.attack in GIVEN:
        found = {name: found[name] for name in ("dataset", "seed")}
        found["target.population"] = dict(run.configuration.get("target") or {}).get(OF_TARGET)
    return found


def _kept(run: Run, name: str) -> np.ndarray | None:
    """Return an array of a run's evidence: membership, or ids of the points; None where it keeps none."""
    try:
        with np.load(run.folder / "evidence.npz", allow_pickle=False) as file:
            return np.asarray(file[name])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _row(ours: Estimate, theirs: Estimate, paired: bool) -> tuple[str, ...]:
    if paired:
        test = PairedTest.of(theirs, ours)
        value, low, high, p = test.value, test.low, test.high, test.p
    else:
        value, error = theirs.value - ours.value, math.hypot(ours.standard_error, theirs.standard_error)
        degrees = min(ours.degrees, theirs.degrees)
        reach = students_quantile(degrees) * error
        low, high, p = value - reach, value + reach, students_p(value, error, degrees)
    shown = "–" if math.isnan(p) else f"{p:.2g}"
    return _written(ours), _written(theirs), f"{value:+.3f} [{low:+.3f}, {high:+.3f}]", shown


def _written(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _notes(ours: Mapping[str, Estimate], theirs: Mapping[str, Estimate], names: list[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        for note in dict.fromkeys((ours[name].note, theirs[name].note)):
            if note:
                yield name, note


def _estimates(run: Run) -> dict[str, dict[str, Estimate]]:
    """Read evidence -> metric -> estimate."""
    try:
        flat = read_estimates(run.folder / "replicates.npz")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        expected = f"is {run.status}, and has no replicates.npz to compare"
        raise InputError("RUN", run.name, expected) from None
    found: dict[str, dict[str, Estimate]] = {}
    for name, estimate in flat.items():
        evidence, _, metric = name.rpartition("/")
        found.setdefault(evidence, {})[metric] = estimate
    return found
