"""A grid of runs: cells are means over seeds with their intervals, and what was not run stays empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from telltale.errors import InputError
from telltale.papers.curve import Curve, points
from telltale.papers.curve_view import curve_figure
from telltale.papers.grid import Grid, cautions, cells
from telltale.papers.grid_view import grid_figure, write_grids
from telltale.papers.results import Measured

GRID = Grid("AUC by setting", "auc", {"target": "TMI", "loss": "loss"}, {"head": "head", "all": "all layers"}, 0.5)
RESULTS = {
    (experiment, seed): {"target/auc": Measured(centre + jitter)}
    for experiment, centre in (("head", 0.7), ("all", 0.6))
    for seed, jitter in enumerate([-0.01, 0.0, 0.01])
}


def test_a_cell_is_the_mean_over_seeds_with_its_interval() -> None:
    """Catches rows and columns swapped, and a cell made up where nothing was measured."""
    found = cells(GRID, RESULTS)
    assert set(found) == {("target", "head"), ("target", "all")}
    value, low, high = found["target", "head"]
    assert value == pytest.approx(0.7) and (low, high) == pytest.approx((0.6752, 0.7248), abs=1e-4)


def test_a_grid_is_written_with_its_figure(tmp_path: Path) -> None:
    """Catches a number in Markdown under another column's head, and a missing figure."""
    files = write_grids([(GRID, cells(GRID, RESULTS))], tmp_path)
    lines = files[0].read_text().splitlines()
    assert [line for line in lines if line.startswith("| TMI | 0.700 [0.") and "| 0.600 [0." in line]
    assert [line for line in lines if line == "| loss | – | – |"]
    assert files[1].name == "auc_by_setting.png" and files[1].read_bytes()[:4] == b"\x89PNG"


def test_what_decides_nothing_is_told_once_below_the_table(tmp_path: Path) -> None:
    """Catches a rate of five records that looks like any other number."""
    few = "FPR 0.01 of 500 distinct non-members is fewer than 10 records"
    noted = {place: {"target/auc": Measured(run["target/auc"].value, note=few)} for place, run in RESULTS.items()}
    assert cautions(GRID, noted) == [few] and cautions(GRID, RESULTS) == []
    files = write_grids([(GRID, cells(GRID, noted))], tmp_path, {GRID.title: cautions(GRID, noted)})
    assert files[0].read_text().endswith(f"|\n\nOf figures here: {few}.\n")


def test_a_figure_has_the_rows_that_were_measured_and_shares_end_where_shares_do() -> None:
    """Catches an axis from -1 to 2 of three seeds far apart, and a name in the legend that no point has."""
    apart = {("head", seed): {"target/auc": Measured(value)} for seed, value in enumerate([0.0, 1.0, 0.1])}
    assert cells(GRID, apart)["target", "head"][1] < 0
    figure = grid_figure(GRID, cells(GRID, apart))
    (axes,), (legend,) = figure.axes, figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["TMI"]
    assert axes.dataLim.y0 >= 0 and axes.dataLim.y1 <= 1
    losses = Grid("Loss", "loss", {"target": "TMI"}, {"head": "head"}, scale="nats a word")
    far = {place: {"target/loss": Measured(9 * run["target/auc"].value)} for place, run in apart.items()}
    assert grid_figure(losses, cells(losses, far)).axes[0].dataLim.y0 < 0
    assert grid_figure(losses, cells(losses, far)).axes[0].get_ylabel() == "nats a word"


def test_an_unknown_field_is_told() -> None:
    """Catches a misspelt key that is passed over."""
    with pytest.raises(InputError, match="colums"):
        Grid.of({"title": "x", "metric": "auc", "rows": {}, "colums": {}})


def test_a_curves_axes_are_called_what_its_entry_says_or_what_they_show() -> None:
    """Catches a page whose figure names a metric as the code does."""
    results = {("head", seed): {"owner/accuracy": Measured(0.9), "lira/auc": Measured(0.6)} for seed in (1, 2)}
    entry = {"title": "C", "x": "owner/accuracy", "y": "lira/auc", "lines": {}, "points": {"head": "none"}}
    for words, shown in (({}, "test accuracy"), ({"x_title": "right"}, "right")):
        curve = Curve.of({**entry, **words})
        assert curve_figure(curve, points(curve, results)).axes[0].get_xlabel() == shown


def test_points_that_fall_together_are_told_together() -> None:
    """Catches a defence that changed nothing and hides the undefended model, which is then looked for in vain."""
    drawn = {"none": 0.7, "stopped": 0.7, "decay": 0.6}
    results = {
        (name, seed): {"owner/accuracy": Measured(0.9), "lira/auc": Measured(value + jitter)}
        for name, value in drawn.items()
        for seed, jitter in enumerate([-0.01, 0.0, 0.01])
    }
    entry = {
        "title": "C",
        "x": "owner/accuracy",
        "y": "lira/auc",
        "lines": {},
        "points": {name: name for name in drawn},
    }
    curve = Curve.of(entry)
    (legend,) = curve_figure(curve, points(curve, results)).legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told == ["none = stopped", "decay"]
