from __future__ import annotations

import csv
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.image import imread

from telltale.data.molecules.records import MoleculeRecords
from telltale.evaluation.calibration import RecordRates
from telltale.evaluation.exposure import Exposure, exposure
from telltale.reporting.gallery import exposed_members, exposed_records, label_of, picture, write_exposure
from tests.reporting.outcomes import pictures


def rates(counted: list[list[float]], fitted: list[list[float]]) -> RecordRates:
    return RecordRates((0.01,), np.array(counted), np.array(fitted))


def planted(victims: int = 40, points: int = 30) -> Exposure:
    rng = np.random.default_rng(0)
    inside = rng.permuted(np.tile(np.arange(victims) % 2 == 0, (points, 1)), axis=1).T
    scores = rng.normal(size=(victims, points))
    scores[:, 7] = inside[:, 7]
    return exposure(scores, inside)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_picture_comes_back_from_its_png_pixel_for_pixel(channels: int, dtype: type) -> None:
    """Catches swapped axes, a stretched contrast and floats taken for bytes."""
    grey = np.random.default_rng(0).integers(256, size=(channels, 5, 7), dtype=np.uint8)
    pixels = grey if dtype is np.uint8 else (grey / 255).astype(np.float32)
    read = np.round(255 * imread(io.BytesIO(picture(pixels)))[..., :3]).astype(np.uint8)
    assert read.shape == (5, 7, 3)
    np.testing.assert_array_equal(read.transpose(2, 0, 1), np.broadcast_to(grey, (3, 5, 7)))


def test_the_most_exposed_record_comes_first_with_its_picture_label_and_counts() -> None:
    records = pictures(30)
    gallery = exposed_records(planted(), records)
    assert gallery is not None and len(gallery.cards) == 12
    first = gallery.cards[0]
    assert first.facts == {"exposure": "1.000", "models in / out": "20 / 20", "point": "7"}
    assert first.label == records.classes[records.labels[7]] and first.png == picture(records.pixels[7])
    assert "stay below 0.7" in gallery.caption  # 0.5 + 2.9 standard deviations of 0.09


def test_molecules_are_drawn_from_their_smiles_and_other_kinds_by_label_only() -> None:
    molecules = MoleculeRecords.of(["CCO", "CCN"] * 15, "two")
    (card, *_) = exposed_records(planted(), molecules).cards  # type: ignore[union-attr]
    assert card.smiles == "CCN" and card.png is None and card.label == ""
    rows = SimpleNamespace(kind="table", labels=np.arange(30) % 2, classes=("low", "high"))
    (card, *_) = exposed_records(planted(), rows).cards  # type: ignore[union-attr]
    assert (card.smiles, card.png, card.label) == (None, None, "high")


def test_points_that_share_the_highest_exposure_are_counted() -> None:
    everyone = Exposure(np.ones(50), np.full(50, 3), np.full(50, 3), rates([[np.nan] * 50], [[np.nan] * 50]))
    caption = exposed_records(everyone, None).caption  # type: ignore[union-attr]
    assert "50 records share the highest exposure" in caption and "so few models" in caption


def test_members_of_one_victim_are_shown_with_the_non_members_that_reach_them() -> None:
    scores = np.array([5.0, 4.0, 4.0, 1.0, 9.0])
    members = np.array([True, True, False, False, False])
    gallery = exposed_members(scores, members, None)
    assert gallery is not None and "of the 3 non-members" in gallery.caption
    assert [card.facts["non-members above"] for card in gallery.cards] == ["1", "2"]  # a tie reaches it
    assert exposed_members(scores, np.zeros(5, bool), None) is None
    named = exposed_members(scores, members, None, np.array(list("abcde")))
    assert named is not None and named.cards[0].facts["record"] == "a" and "point" not in named.cards[0].facts


def test_exposure_csv_names_every_point(tmp_path: Path) -> None:
    """Catches fingerprints that lose their last zero, and a number where there is none."""
    prints = np.array([b"0123456789abcde\0", b"fedcba9876543210"], dtype="S16")
    records = SimpleNamespace(labels=np.array([1, 0]), classes=("a", "=b"), fingerprints=lambda: prints)
    own = rates([[np.nan, np.nan]], [[0.5, np.nan]])
    found = Exposure(np.array([0.75, np.nan]), np.array([2, 4]), np.array([2, 0]), own)
    write_exposure(found, records, tmp_path / "exposure.csv")
    with (tmp_path / "exposure.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "point": "0",
        "fingerprint": b"0123456789abcde\0".hex(),
        "label": "'=b",  # no formula
        "exposure": "0.750000",
        "n_in": "2",
        "n_out": "2",
        "tpr_at_fpr_0.01_counted": "",
        "tpr_at_fpr_0.01_fitted": "0.500000",
    }
    assert (rows[1]["exposure"], rows[1]["n_out"]) == ("", "0")


def test_labels_without_names_are_numbers_and_no_labels_are_empty() -> None:
    assert label_of(SimpleNamespace(labels=np.array([3])), 0) == "3"
    assert label_of(SimpleNamespace(labels=None), 0) == label_of(None, 0) == ""
