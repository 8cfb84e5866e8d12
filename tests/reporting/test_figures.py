from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from telltale.evaluation.statistics import Band, Estimate
from telltale.reporting import figures
from telltale.reporting.dots import dots

BAND = Band(np.array([0.01, 0.1, 1]), np.array([0.0, 0.3, 1]), np.array([0.0, 0.2, 1]), np.array([0.1, 0.4, 1]))
UNDEFINED = Band(BAND.x, *(np.full(3, np.nan),) * 3)
ROLES = {"target": "target", "mlp": "rival", "untrained": "control"}
CURVES = {"target": BAND, "mlp": BAND, "untrained": UNDEFINED}


@pytest.mark.parametrize(
    "figure",
    [
        lambda: figures.precision_curves(CURVES, ROLES, base_rate=0.3),
        lambda: figures.roc_figure(CURVES, ROLES),
        lambda: figures.score_histograms(np.arange(9.0), np.arange(9) > 4, np.arange(9) > 6),
        lambda: figures.score_histograms(np.array([[0, 1, -np.inf]] * 2), np.zeros((2, 3)), np.ones(3)),
        lambda: figures.mixing_histogram(np.random.default_rng(0).random((2, 50))),
        lambda: figures.forest({"target": Estimate(0.6, np.ones(4), 4), "exact": Estimate.exact(0.5, 1)}, ROLES),
        lambda: figures.precision_curves({}),
        lambda: figures.precision_curves({"target": UNDEFINED}),
        lambda: figures.roc_figure({}),
        lambda: figures.mixing_histogram(np.empty((1, 0))),
    ],
)
def test_every_figure_is_drawn_and_saved_even_of_nothing(figure: object, tmp_path: Path) -> None:
    path = figures.save_png(figure(), tmp_path / "deep" / "figure.png", dpi=50)  # type: ignore[operator]
    assert path.read_bytes().startswith(b"\x89PNG")


def test_target_rivals_and_controls_look_different() -> None:
    axes = figures.precision_curves(dict.fromkeys(ROLES, BAND), ROLES).axes[0]
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == 3 and len({style for _, style in looks}) == 3


def test_scores_beyond_the_trim_are_drawn_in_the_outermost_bins() -> None:
    """Catches one far outlier that squeezes all other scores into a single bin, and scores that are lost."""
    scores, members = np.append(np.linspace(0, 1, 999), 1e6), np.arange(1000) % 2 == 0
    names = ("non-members", "members")
    axes = figures.score_histograms(scores, members, names=names, trim=0.005).axes[0]
    assert axes.get_xlim()[1] < 2
    filled = axes.patches[0].get_path().vertices
    assert filled[:, 1].max() < 0.1  # 40 bins of about 2.5 % each
    assert [text.get_text() for text in axes.figure.legends[0].texts] == ["non-members (500)", "members (500)"]


def test_bands_of_many_rivals_are_fainter() -> None:
    def shade(rivals: int) -> float:
        curves = {"target": BAND} | {f"rival {i}": BAND for i in range(rivals)}
        return figures.roc_figure(curves).axes[0].collections[-1].get_alpha()

    assert shade(9) < shade(2)


def test_drawing_leaves_the_callers_settings_alone() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    figures.roc_figure(CURVES)
    assert dict(matplotlib.rcParams) == before


def test_names_of_settings_do_not_run_into_each_other_and_no_title_is_cut() -> None:
    """Catches labels one upon the other, and a title that ends at the picture's edge."""
    settings = ["none", "non-members of another set", "+ the shadow's are the same", "the target, itself"]
    figure = dots({"attack": [(0.5, 0.4, 0.6)] * 4}, settings, "A title of many words " * 8, "some_rate", 0.5)
    figures.pixels_of(figure, 80)
    axes = figure.axes[0]
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert axes._left_title.get_window_extent().x1 <= figure.bbox.width and axes.get_ylabel() == "some rate"  # type: ignore[attr-defined]
