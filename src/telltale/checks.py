"""What an option may be: one call a check, and the same sentence for the same mistake everywhere.

Each check returns the value it was given, and raises InputError where it does not fit. `expected` says in place of the
check's own words what would be valid, where a reader needs to hear more than the range.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, TypeVar

from telltale.errors import InputError

T = TypeVar("T")
MANY = 10**9  # more of anything neither fits into memory nor ends


def whole_number(
    field: str, value: Any, least: int = 1, most: int = MANY, *, or_null: bool = False, expected: str = ""
) -> Any:
    """Require a whole number from `least` to `most`; or_null: None will do too.

    >>> whole_number("victims", 0)
    Traceback (most recent call last):
    telltale.errors.InputError: victims=0: a whole number from 1
    """
    if or_null and value is None:
        return None
    fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    if not fits:
        above = isinstance(value, int) and value > most
        upper = f" to {most}" if most != MANY or above else ""
        expected = expected and expected + (f", at most {most}" if above and most == MANY else "")
        raise InputError(field, value, expected or f"a whole number from {least}{upper}{_null(or_null)}")
    return value


def number(
    field: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    infinite: bool = False,
    or_null: bool = False,
    expected: str = "",
) -> Any:
    """Require a number in a range: above or from (`least`) one end, below or at most the other.

    NaN is never in it, and inf only where it means something: `infinite`.

    >>> number("objective.learning_rate", 0.0, above=0)
    Traceback (most recent call last):
    telltale.errors.InputError: objective.learning_rate=0.0: above 0
    """
    if or_null and value is None:
        return None
    fits = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    fits = fits and (above is None or value > above) and (least is None or value >= least)
    fits = fits and (below is None or value < below) and (most is None or value <= most)
    endless = fits and math.isinf(value) and not infinite
    if not fits or endless:
        ends = (("above", above), ("from", least), ("below", below), ("at most", most))
        words = ", ".join(f"{word} {end:g}" for word, end in ends if end is not None) or "a number"
        raise InputError(field, value, (expected or f"{words}{_null(or_null)}") + (", finite" if endless else ""))
    return value


def share(field: str, value: Any, *, zero: bool = False, whole: bool = True, expected: str = "") -> float:
    """Require a share: above 0 and at most 1; zero: 0 too; whole: 1 too.

    >>> share("downstream_share", 1.5)
    Traceback (most recent call last):
    telltale.errors.InputError: downstream_share=1.5: above 0, at most 1
    """
    above, least = (None, 0) if zero else (0, None)
    most, below = (1, None) if whole else (None, 1)
    return float(number(field, value, above=above, least=least, below=below, most=most, expected=expected))


def choice(field: str, value: T, options: Collection[Any], *, expected: str = "") -> T:
    """Require one of some words; the keys where `options` is a mapping.

    >>> choice("defense.on", "middle", ("first", "last"))
    Traceback (most recent call last):
    telltale.errors.InputError: defense.on=middle: one of first, last
    """
    if value not in tuple(options):  # which need not be hashable
        raise InputError(field, value, expected or f"one of {', '.join(map(str, options))}")
    return value


def yes_or_no(field: str, value: Any) -> bool:
    """Require true or false.

    >>> yes_or_no("paths.keep_weights", "no")
    Traceback (most recent call last):
    telltale.errors.InputError: paths.keep_weights=no: true or false
    """
    if not isinstance(value, bool):
        raise InputError(field, value, "true or false")
    return value


def _null(allowed: bool) -> str:
    return ", or null" if allowed else ""
