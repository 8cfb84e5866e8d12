"""The law of epochs over members: a planted one is found, and cells are read off the paper's own grid."""

from __future__ import annotations

import numpy as np

from scripts.caption_law import APART, RATIO, measured, row, table
from scripts.reproduce_paper import read_paper
from telltale.evaluation.leakage_law import Law, as_auc
from telltale.papers.results import Measured, Results

PLACES = [(200, 6), (200, 24), (200, 60), (800, 6), (800, 15), (3200, 2), (3200, 8)]


def planted(slope: float, level: float = 0.8) -> list[tuple[float, float, float]]:
    """Return AUCs of the law without noise, with intervals of 0.02 either way."""
    auc = [float(as_auc(np.array(level * (epochs / members * 200 / 24) ** slope))) for members, epochs in PLACES]
    return [(value, value - 0.02, value + 0.02) for value in auc]


def test_a_planted_law_is_found_by_one_slope_and_by_two() -> None:
    """Catches members counted the wrong way round, and another reference than the table names."""
    of = measured(PLACES, planted(0.7))
    ratio, apart = (Law.of(of, form, 200) for form in (RATIO, APART))
    assert abs(ratio.slope(0)[0] - 0.7) < 0.02 and abs(ratio.level(0)[0] - 0.8) < 0.02
    assert abs(apart.slope(0)[0] - 0.7) < 0.05 and abs(apart.slope(1)[0] + 0.7) < 0.05
    assert ratio.slope(0)[1] < 0.7 < ratio.slope(0)[2]


def test_no_leak_anywhere_has_no_slope_to_tell() -> None:
    """Catches a slope of nothing with an interval that leaves zero out."""
    _, low, high = Law.of(measured(PLACES, planted(0.7, 0.0)), RATIO, 200).slope(0)
    assert low < 0 < high


def test_too_few_cells_are_dashes() -> None:
    """Catches a law through as many cells as it has slopes."""
    assert row("few", PLACES[:3], planted(0.7)[:3])[2:] == ["–"] * 4


def test_the_papers_grid_is_read_by_the_names_of_its_columns() -> None:
    """Catches a grid that was renamed, and attacks without figures that stop the others."""
    paper = read_paper("m4i_scenes", "small")
    results: Results = {
        (f"n{members}_{epochs}", seed): {"target/auc": Measured(value + 0.004 * seed)}
        for (members, epochs), (value, _, _) in zip(PLACES, planted(0.7), strict=True)
        for seed in (1, 2, 3)
    }
    lines = table(paper, results).splitlines()
    assert lines[2].startswith("| metric-based") and "| 7 | 0.6" in lines[2] + lines[2].replace("0.7", "0.6")
    assert all("| 0 | – |" in line for line in lines[3:])
