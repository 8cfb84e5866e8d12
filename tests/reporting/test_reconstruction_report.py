"""Reconstructed pictures are shown beside what was hidden, and figures say what they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from telltale.data.images.records import ImageRecords
from telltale.evaluation.score import Scored
from telltale.evaluation.statistics import Estimate
from telltale.evidence import ReconstructedRecords
from telltale.reporting import reconstruction_view
from telltale.reporting.outcome import Outcome
from telltale.reporting.reconstruction_figures import CELL, accuracy_against_error, picture_grid, weight_histogram

RNG = np.random.default_rng(0)
HIDDEN = ImageRecords(RNG.random((20, 1, 6, 6)).astype(np.float32), np.arange(20) % 2, "made up", ("a", "b"))
NAMES = ("target", "benign", "float", "kmeans 4 bit, owner", "kmeans 2 bit, owner", "affine 4 bit, attacker")


def estimate(value: float) -> Estimate:
    return Estimate(value, value + 0.01 * RNG.normal(size=50), 20)


METRICS = {name: {"accuracy": estimate(0.9), "mape": estimate(10.0 + place)} for place, name in enumerate(NAMES)}


def outcome() -> Outcome:
    weights = np.sort(RNG.normal(size=(1, 100)))
    evidence = {name: ReconstructedRecords(HIDDEN.pixels[None], weights=weights) for name in NAMES}
    return Outcome(
        evidence=evidence,
        scored=Scored(METRICS, {}),
        controls=("benign",),
        rivals=(),
        variants=NAMES[2:],
        guarantee=None,
        target={},
        queries={},
        payload=(HIDDEN,),
    )


def test_a_strip_of_the_grid_stands_for_each_release_with_its_accuracy_and_error() -> None:
    """Catches strips under the label of another release, and modes of a quantizer that hide each other."""
    axes = picture_grid(HIDDEN.pixels, dict.fromkeys(NAMES, HIDDEN.pixels), METRICS).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["hidden", "target", "benign", "float", "kmeans 4 bit", "kmeans 2 bit", "affine 4 bit"]
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    owner, attacker = texts["owner: 90.0 %, error 13.0"], texts["attacker: 90.0 %, error 15.0"]
    assert owner[0] < attacker[0] and owner[1] < attacker[1]


def test_each_mode_has_a_panel_and_each_quantizer_a_line() -> None:
    """Catches bit-widths of two quantizers joined by one line."""
    figure = accuracy_against_error(METRICS)
    assert [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes] == ["owner", "attacker"]
    lines = {line.get_label(): len(line.get_xdata()) for line in figure.axes[0].get_lines()}  # type: ignore[arg-type]
    assert lines["kmeans"] == 2 and lines["affine"] == 0 and lines["benign"] == 1
    assert CELL.fullmatch("weighted_entropy 3 bit, post-training") and not CELL.fullmatch("target")


def test_releases_without_variants_share_one_panel() -> None:
    """Catches a figure that needs the whole table of compressions."""
    assert len(accuracy_against_error({name: METRICS[name] for name in NAMES[:2]}).axes) == 1
    assert len(weight_histogram(np.sort(RNG.normal(size=100)), np.sort(RNG.normal(size=100))).axes) == 1


def test_the_view_keeps_the_pictures_and_draws_three_figures(tmp_path: Path) -> None:
    """Catches evidence that cannot be read again, or a name that is no key."""
    target = outcome().evidence["target"]
    reconstruction_view.write(target, outcome(), tmp_path)
    with np.load(tmp_path / "evidence.npz", allow_pickle=False) as kept:
        assert "kmeans_4_bit_owner" in kept.files and kept["hidden"].shape == (1, 20, 1, 6, 6)
        np.testing.assert_allclose(kept["target"], HIDDEN.pixels[None])
    drawn = reconstruction_view.draw(target, outcome(), tmp_path / "figures")
    assert [one.name for one in drawn] == ["pictures", "accuracy_vs_mape", "weights"]
    assert all(Path(one.path).stat().st_size > 5000 for one in drawn)
