"""Docstrings with a worked number (`>>>`) say what the code gives."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"
FILES = sorted(file for file in (SOURCES / "telltale").rglob("*.py") if ">>> " in file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCES)))
def test_a_worked_number_is_what_the_code_gives(file: Path) -> None:
    """Catches a number in a docstring that a reader cannot repeat."""
    module = importlib.import_module(".".join(file.relative_to(SOURCES).with_suffix("").parts))
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_statistics_are_worked_out() -> None:
    """Catches the loss of the numbers by which a reader learns what an estimate, a p-value or a bound on ε is."""
    worked = {file.stem for file in FILES if file.parent.name == "evaluation"}
    assert {"statistics", "empirical_epsilon", "ranking", "comparison", "closed_form"} <= worked


def test_membership_signals_are_worked_out() -> None:
    """Catches the loss of the numbers by which a reader learns what a signal and a likelihood ratio say."""
    worked = {file.stem for file in FILES if file.match("attacks/membership/*.py")}
    assert {"signals", "gaussians", "thresholds"} <= worked


def test_the_accountant_is_worked_out() -> None:
    """Catches the loss of the numbers by which a reader learns what so many noisy steps cost."""
    assert any(file.match("training/private/accountant.py") for file in FILES)
