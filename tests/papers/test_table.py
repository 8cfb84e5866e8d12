"""A table of runs: each row from its own experiment, each column a metric."""

from __future__ import annotations

from pathlib import Path

import pytest

from telltale.errors import InputError
from telltale.papers.results import Measured
from telltale.papers.table import Table, lines
from telltale.papers.table_view import write_tables

ROWS = {"plain": ["one", "target"], "cells": ["two", "* bit"], "never run": ["three", "target"]}
TABLE = Table("Releases", {"auc": "AUC", "mape": "error"}, ROWS)
RESULTS = {
    (experiment, seed): {f"{name}/{metric}": Measured(value) for name in names for metric, value in values.items()}
    for experiment, names, values in (
        ("one", ["target"], {"auc": 0.5, "mape": 12.0}),
        ("two", ["target", "2 bit", "4 bit"], {"auc": 0.75}),
    )
    for seed in range(3)
}


def test_a_row_is_read_from_its_experiment_and_a_pattern_is_many_rows() -> None:
    """Catches a row that shows another experiment's release, and a number made up where nothing was measured."""
    found = lines(TABLE, RESULTS)
    assert list(found) == ["plain", "2 bit", "4 bit", "never run"]
    assert found["plain"] == [(0.5, 0.5, 0.5), (12.0, 12.0, 12.0)]
    assert found["4 bit"] == [(0.75, 0.75, 0.75), None] and found["never run"] == [None, None]


def test_cells_stand_under_their_head(tmp_path: Path) -> None:
    """Catches columns in another order than the heads."""
    text = write_tables([(TABLE, lines(TABLE, RESULTS))], tmp_path).read_text()
    assert "|  | AUC | error |" in text and "| plain | 0.500 [0.500, 0.500] | 12.0 [12.0, 12.0] |" in text


def test_a_row_without_its_evidence_is_told() -> None:
    """Catches a row that would be read as an experiment of one letter."""
    with pytest.raises(InputError, match="experiment, evidence"):
        Table.of({"title": "x", "columns": {}, "rows": {"label": ["digits"]}})
