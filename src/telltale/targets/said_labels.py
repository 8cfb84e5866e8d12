"""Labels that a model says, as places of the classes: by the classes' names, not by what place a number may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from telltale.errors import InputError
from telltale.writing import escaped

NUMBER = re.compile(r"(?:.* = )?([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")  # the name of a class that is a number
TRUTHS = {"false": 0.0, "true": 1.0}
SHOWN = 10


def number_in(name: str) -> float | None:
    """Return the number that a class is called, `cured = 1` being 1; of true and false 1 and 0; None of a word.

    >>> number_in("2"), number_in("cured = 1"), number_in("True"), number_in("cat")
    (2.0, 1.0, 1.0, None)
    """
    if name.lower() in TRUTHS:
        return TRUTHS[name.lower()]
    found = NUMBER.fullmatch(name)
    return float(found[1]) if found else None


def places_of(
    said: np.ndarray, classes: Sequence[str], names: np.ndarray, by_place: bool = False
) -> tuple[np.ndarray, str]:
    """Return what a model said as places of the classes, (records,) int64, and what there is to tell of it, or "".

    said: (records,) texts, numbers or true and false; names: of the records, for the message. Texts are names of
    classes; numbers are, too, where any class is called by one. Where all are called by words, numbers are their places
    from 0, which is told. by_place: they always are, and nothing is told. Raises InputError for a label that no class
    has, and for one with a fraction.
    """
    values = _plain(said)
    if not classes:
        return _whole(values, names), ""
    numbers = [number_in(name) for name in classes]
    words = values.dtype.kind not in "fiub"
    if not words and (by_place or not any(number is not None for number in numbers)):
        known: dict[Any, int] = {float(place): place for place in range(len(classes))}
        told = "" if by_place else f"labels are numbers, read as places of the classes from 0: {_listed(classes)}"
    else:
        known, told = {number: place for place, number in enumerate(numbers) if number is not None}, ""
        if len(known) < sum(number is not None for number in numbers):  # `a = 1` beside `b = 1`
            known = {}
    by_name = {name: place for place, name in enumerate(classes)}
    distinct, of = np.unique(values, return_inverse=True)
    places = np.array([_place(value, by_name, known, words) for value in distinct.tolist()], np.int64)[of.reshape(-1)]
    if (places < 0).any():
        valid = list(map(str, range(len(classes)))) if not words and (by_place or told) else classes
        raise _no_class(values, places < 0, names, f"one of the classes {_listed(valid)}")
    return places, told


def _plain(said: np.ndarray) -> np.ndarray:
    """Return labels as numbers or as texts, whatever they were kept in."""
    if said.dtype.kind == "S":
        return np.char.decode(said, "utf-8", "replace")
    if said.dtype.kind != "O":
        return said
    listed = said.tolist()
    return np.array(listed, dtype=float) if all(isinstance(one, Number) for one in listed) else said.astype(str)


def _place(value: Any, by_name: dict[str, int], known: dict[Any, int], words: bool) -> int:
    if not words:
        return known.get(float(value), -1)
    number = number_in(value.strip())
    return by_name.get(value, by_name.get(value.strip(), -1 if number is None else known.get(number, -1)))


def _whole(values: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return labels of classes that nobody has named: whole numbers."""
    if values.dtype.kind not in "fiub":
        raise InputError("target", escaped(str(values[0])), "a label that is a word; give dataset.label, whose it is")
    off = ~np.isfinite(values.astype(float)) | (values.astype(float) != np.rint(values.astype(float)))
    if off.any():
        raise _no_class(values, off, names, "a whole number")
    return values.astype(np.int64)


def _no_class(values: np.ndarray, bad: np.ndarray, names: np.ndarray, expected: str) -> InputError:
    row = int(np.argmax(bad))
    said = f"label of record {escaped(str(names[row]))}; expected {expected} ({int(bad.sum()):,} such)"
    return InputError("target", escaped(str(values[row])), said)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(escaped(name) for name in names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
