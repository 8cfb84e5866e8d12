"""The table of compressions is laid out over seeds as the runs measured it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.compression_table import COLUMNS, estimates, main, page, read


def write_runs(folder: Path) -> None:
    for seed, shift in enumerate((0.0, 0.2)):
        metrics = {name: {"value": 0.5 + shift} for name in COLUMNS}
        variants = {f"{name} 4 bit, owner": metrics for name in ("kmeans", "affine")} | {"float": metrics}
        document = {"metrics": metrics, "controls": {"zero_query": {"mape": {"value": 50.0}}}, "variants": variants}
        (folder / f"seed{seed}").mkdir(parents=True)
        (folder / f"seed{seed}" / "metrics.json").write_text(json.dumps(document))


def test_values_are_means_over_seeds(tmp_path: Path) -> None:
    """Catches a seed that overwrites another, and cells under another quantizer."""
    write_runs(tmp_path)
    found = read(tmp_path)
    np.testing.assert_allclose(found["kmeans 4 bit, owner"]["mape"], [0.5, 0.7])
    text = page("digits", found)
    assert "| target | 0.600 ± 0.141" in text and "| zero_query | – | – | 50.000 ± 0.000" in text
    assert "| 4, owner | 0.600 / 0.6 / 0.60 / 0.6 / 0.60 | 0.600" in text
    assert estimates(found)["float"]["mape"].low < 0.51 and estimates(found)["float"]["mape"].high > 0.69


def test_a_folder_without_runs_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches an empty table."""
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
