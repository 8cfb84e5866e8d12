"""Checks of options: what fits passes, what does not is told in one line, and NaN fits nowhere."""

from __future__ import annotations

import doctest
import math
from typing import Any

import pytest

from telltale import checks
from telltale.errors import InputError


@pytest.mark.parametrize("value", [True, False, 0, -1, 1.0, "1", None, math.nan])
def test_what_is_no_whole_number_from_1_is_refused(value: Any) -> None:
    """Catches `true`, which Python takes for 1, and 1.0, which counts nothing."""
    with pytest.raises(InputError, match=r"^n=.*: a whole number from 1$"):
        checks.whole_number("n", value)


@pytest.mark.parametrize("value", [math.nan, True, "0.5", None, 0, 1, 2.0])
def test_what_is_no_number_between_0_and_1_is_refused(value: Any) -> None:
    """Catches NaN, of which `not value < 0` is true."""
    with pytest.raises(InputError, match=r"^x=.*: above 0, below 1$"):
        checks.number("x", value, above=0, below=1)


def test_what_fits_comes_back_as_it_was() -> None:
    """Catches a range with the wrong end open."""
    assert checks.whole_number("n", 3, 3, 3) == 3 and checks.whole_number("n", None, or_null=True) is None
    assert checks.number("x", 0, least=0, most=0) == 0
    assert checks.number("x", math.inf, above=0, infinite=True) == math.inf
    assert checks.share("s", 1) == 1.0 and checks.share("s", 0, zero=True) == 0.0
    assert checks.choice("c", None, (None, "a")) is None and checks.yes_or_no("b", False) is False
    for wrong in (lambda: checks.share("s", 0), lambda: checks.share("s", 1, whole=False)):
        with pytest.raises(InputError, match="above 0"):
            wrong()
    with pytest.raises(InputError, match="from 0"):
        checks.number("x", math.inf, least=0)


def test_the_examples_of_the_docstrings_hold() -> None:
    failed, tried = doctest.testmod(checks, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert tried and not failed
