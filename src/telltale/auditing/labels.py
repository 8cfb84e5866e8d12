"""Labels as the answers of a model ask for them: classes where it tells classes, values where it tells values."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from telltale.data.given import Given
from telltale.errors import InputError

NUMBER = re.compile(r"(?:.* = )?([-+]?[\d.]+(?:[eE][-+]?\d+)?)")  # the name of a class that is a number


def fitting(given: Given, gives: str) -> Given:
    """Return the same records, whole-numbered classes turned back into values for a model that predicts values.

    Raises InputError where labels are words and the model predicts values, or the other way round.
    """
    if given.labels is None:
        return given
    if gives in ("probabilities", "labels") and given.real:
        expected = f"answers are {gives}, but the labels are real values; target.gives=values, or dataset.kind=classes"
        raise InputError("target.gives", gives, expected)
    if gives != "values" or given.real:
        return given
    numbers = [NUMBER.fullmatch(name) for name in given.classes]
    if not all(numbers):
        word = next(name for name, number in zip(given.classes, numbers, strict=True) if not number)
        raise InputError("target.gives", gives, f"the labels are classes ({word!r}); expected a label of numbers")
    values = np.array([float(number[1]) for number in numbers if number])
    return replace(given, labels=values[given.labels], classes=())
