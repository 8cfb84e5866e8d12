"""Figures that are drawn once: found again of the same things only, and drawn alike whatever a program has set."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from telltale.data.kept import NOWHERE, Kept
from telltale.evaluation.statistics import Band, Estimate
from telltale.reporting import figures
from telltale.reporting.drawing import digest_of, drawn
from telltale.store.store import Store

X = np.array([0.01, 0.1, 1])


def curve(top: float, title: str = "a title") -> partial:
    return partial(figures.roc_figure, {"target": Band(X, *(top * X,) * 3)}, {"target": "target"}, title=title)


def png(figure: partial, folder: Path, kept: Kept = NOWHERE) -> bytes:
    (found,) = drawn({"roc": (figure, "a caption")}, folder, kept)
    assert (found.name, found.caption) == ("roc", "a caption")
    return Path(found.path).read_bytes()


def test_a_figure_is_drawn_once_and_is_the_same_from_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a run from the store that draws again, one whose figure differs, and one that shows another's curve."""
    kept = Kept(Store(tmp_path / "store"))
    fresh, first, other = png(curve(1), tmp_path / "a"), png(curve(1), tmp_path / "b", kept), curve(0.5)
    assert png(other, tmp_path / "b", kept) != first, "an older figure in the folder is replaced"
    monkeypatch.setattr("telltale.reporting.drawing.save_png", None)
    assert png(curve(1), tmp_path / "c", kept) == first == fresh
    with pytest.raises(TypeError):
        png(curve(1, "another title"), tmp_path / "d", kept)


def test_what_a_program_sets_changes_no_figure(tmp_path: Path) -> None:
    """Catches a figure in the store that is one user's matplotlibrc, and settings that are not given back."""
    import matplotlib

    plain = png(curve(1), tmp_path / "a")
    with matplotlib.rc_context({"lines.color": "red", "text.color": "red", "font.size": 30}):
        assert png(curve(1), tmp_path / "b") == plain
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.parametrize(
    "other",
    [
        {"b": [True], "a": 1.0},
        {"a": 1.0, "b": [1]},
        {"a": 1, "b": [True]},
        {"a": np.float32(1), "b": [True]},
        {"a": np.ones(1), "b": [True]},
        {"a": Estimate.exact(1.0, 1), "b": [True]},
        {"a": 1.0, "b": [True], "c": None},
    ],
)
def test_values_that_differ_have_another_digest(other: object) -> None:
    """Catches two figures that share a picture."""
    value = {"a": 1.0, "b": [True]}
    assert digest_of(other) != digest_of(value) == digest_of(dict(value))
