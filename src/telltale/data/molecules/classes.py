"""Make one property of molecules what is learned: their class (0 and 1, or numbers cut in two), or a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from telltale.data.loaded import InvalidRecord
from telltale.data.molecules.smiles_files import ReadMolecules
from telltale.errors import InputError

KINDS = ("classes", "values")  # of what is learned


def check_cut(cut: float | str | None, label: str | None) -> None:
    """Raise InputError unless `cut` is a number, "median" or None, and there is a label to cut where it is given."""
    number = isinstance(cut, int | float) and not isinstance(cut, bool) and np.isfinite(cut)
    if not (number or cut in (None, "median")):
        raise InputError("dataset.cut", cut, "expected a number, median or null")
    if cut is not None and label is None:
        raise InputError("dataset.cut", cut, "cuts the column dataset.label in two, which is not set")


def with_classes(read: ReadMolecules, label: str, cut: float | str | None = None) -> ReadMolecules:
    """Return the molecules that have a value of the property `label`, in two classes.

    cut: values above it are class 1; None = values of 0 and 1 are the classes, others are cut at their median, as
    with "median". Raises InputError where no value, or one class only, is left.
    """
    properties: Mapping[str, np.ndarray] = read.records.properties or {}
    values = properties[label]
    measured = ~np.isnan(values)
    if not measured.any():
        raise InputError("dataset.label", label, f"holds no value; {would_do(properties, label)}")
    missing = int((~measured).sum())
    places = np.zeros((0, 2), int) if read.places is None else read.places[~measured]
    unlabelled = (
        InvalidRecord(read.files[file], f"the molecule has no {label}", line) for file, line in places.tolist()
    )
    records = read.records.take(measured) if missing else read.records
    labels, classes, at = classes_by(values[measured], label, cut)
    if labels.min() == labels.max():
        fault = f"all {len(labels)} molecules are of the class {classes[labels[0]]}"
        remedy = "give another dataset.cut" if cut is not None else would_do(properties, label)
        raise InputError("dataset.label", label, f"{fault}; {remedy}")
    told = [f"{missing:,} of {len(values):,} molecules have no {label} and were dropped"] if missing else []
    if at is not None:
        counts = np.bincount(labels, minlength=2)
        told.append(f"{label} is cut in two at {at}: {counts[0]:,} molecules have {classes[0]}, {counts[1]:,} more")
    return replace(
        read,
        records=replace(records, labels=labels, classes=classes),
        unlabelled=missing,
        conflicts=read.differing_values[label],
        told=(*read.told, *told),
        dropped=(*read.dropped, *unlabelled),
        places=None if read.places is None else read.places[measured],
    )


def with_values(read: ReadMolecules, label: str) -> ReadMolecules:
    """Return the molecules that have a value of the property `label`, as `values` that a regression learns.

    In standard deviations from their mean over all of these, so that one learning rate does for every unit. Raises
    InputError where fewer than two different values are left.
    """
    properties: Mapping[str, np.ndarray] = read.records.properties or {}
    values = properties[label]
    measured = ~np.isnan(values)
    of = values[measured]
    if len(of) < 2 or (deviation := float(of.std())) == 0:
        raise InputError("dataset.label", label, f"fewer than two different values; {would_do(properties, label)}")
    mean, missing = float(of.mean()), int((~measured).sum())
    told = [f"{missing:,} of {len(values):,} molecules have no {label} and were dropped"] if missing else []
    told.append(f"{label} is learned in standard deviations ({deviation:.6g}) from its mean, {mean:.6g}")
    records = read.records.take(measured) if missing else read.records
    return replace(
        read,
        records=replace(records, values=(of - mean) / deviation, labels=None, classes=()),
        unlabelled=missing,
        conflicts=read.differing_values[label],
        told=(*read.told, *told),
        places=None if read.places is None else read.places[measured],
    )


def would_do(columns: Sequence[str] | Mapping[str, object], but: str) -> str:
    """Name the columns that would do as a label, for an error's one line."""
    others = [name for name in columns if name != but]
    listed = ", ".join(others[:20]) + (", …" if len(others) > 20 else "")
    return f"expected a column of numbers: {listed}" if others else "and there is no other column of numbers"


def classes_by(
    values: np.ndarray, label: str, cut: float | str | None
) -> tuple[np.ndarray, tuple[str, str], str | None]:
    """Return labels, their names, and where values that are not 0 and 1 were cut in two."""
    if cut is None and np.isin(values, (0, 1)).all():
        return values.astype(np.int64), (f"{label} = 0", f"{label} = 1"), None
    at = float(np.median(values)) if cut is None or isinstance(cut, str) else cut
    said = f"{at:.6g}" if isinstance(cut, int | float) else f"its median, {at:.6g}"
    return (values > at).astype(np.int64), (f"{label} <= {at:.6g}", f"{label} > {at:.6g}"), said
