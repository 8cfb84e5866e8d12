"""Emoji cut out of the sheet of their package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from telltale.data import fetch as fetching
from telltale.data.images import emoji
from telltale.errors import InputError

RED, BLUE, CLEAR = (255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)
DRAWN = [("1F600", "Smileys", "face", RED), ("1F601", "Smileys", "cat", BLUE), ("1F1EA", "Flags", "flag", CLEAR)]


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: tuple[str, str, str, tuple[int, ...]]) -> str:
    """Draw a package: each emoji a full square in the next place of a sheet of three columns."""
    target = folder / "emoji_google"
    target.mkdir(parents=True)
    sheet, entries = Image.new("RGBA", (3 * 66, 2 * 66)), []
    for at, (code_points, category, subcategory, colour) in enumerate((*DRAWN, *more)):
        x, y = at % 3, at // 3
        sheet.paste(colour, (66 * x + 1, 66 * y + 1, 66 * x + 65, 66 * y + 65))
        entries.append(entry(code_points, category, subcategory, x, y))
    sheet.save(target / "64.png")
    (target / "emoji.json").write_text(json.dumps(entries))
    monkeypatch.setattr(fetching, "_complete", lambda *_: True)
    return str(folder)


def entry(code_points: str, category: str, subcategory: str, x: int, y: int) -> dict[str, Any]:
    named = {"unified": code_points, "name": f"NAME {code_points}", "short_names": ["a", "b"]}
    return {**named, "category": category, "subcategory": subcategory, "sheet_x": x, "sheet_y": y}


def test_each_picture_is_the_one_its_place_on_the_sheet_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches columns taken for rows, and a cell whose border of one pixel is taken for picture."""
    green = ("1F602", "Smileys", "face", (0, 255, 0, 255))
    pixels, known = emoji.read_sheet(Path(plant(tmp_path, monkeypatch, green)) / "emoji_google")
    expected = [(255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 255, 0)]  # nothing drawn is white
    np.testing.assert_array_equal(pixels, np.array(expected, np.uint8)[:, :, None, None] * np.ones((64, 64), np.uint8))
    assert known[3] == emoji.Emoji("1F602", "NAME 1F602", ("a", "b"), "Smileys", "face")


def test_fine_labels_are_subcategories_and_coarse_ones_categories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = plant(tmp_path, monkeypatch)
    fine = emoji.load(size=8, downloads=downloads).records
    assert (fine.shape, fine.pixels.dtype) == ((3, 8, 8), np.uint8)
    assert fine.classes == ("cat", "face", "flag") and fine.labels.tolist() == [1, 0, 2]
    coarse = emoji.load(size=8, labels="coarse", downloads=downloads).records
    assert coarse.classes == ("Flags", "Smileys") and coarse.labels.tolist() == [1, 1, 0]
    assert coarse.fingerprints().tolist() == fine.with_coarse_labels().fingerprints().tolist()


def test_equal_pictures_are_kept_once_and_flags_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches one picture on both sides of a split: flags of islands are those of their country."""
    downloads = plant(tmp_path, monkeypatch, ("1F1EB", "Flags", "flag", CLEAR), ("1F603", "Smileys", "cat", RED))
    read = emoji.load(downloads=downloads)
    assert (len(read.records), read.duplicates, read.lines) == (3, 2, 5)
    plain = emoji.load(downloads=downloads, flags=False).records
    assert plain.classes == ("cat", "face") and plain.source == "emoji (Noto, 32 x 32, no flags)"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"vendor": "apple"}, "dataset.vendor=apple: expected google or twitter"),
        ({"labels": "all"}, "dataset.labels=all: expected fine or coarse"),
        ({"size": 65}, "dataset.size=65: expected a whole number of pixels from 1 to 64"),
        ({"downloads": None}, "dataset.downloads=null: expected a folder"),
    ],
)
def test_emoji_tell_what_they_need(tmp_path: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as error:
        emoji.load(**{"downloads": str(tmp_path), **options})
    assert told in str(error.value)


def test_emoji_that_cannot_be_fetched_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = r"^dataset\.vendor=twitter: could not fetch emoji-datasource-twitter@16\.0\.0: .*npm is not installed here; "
    with pytest.raises(InputError, match=told):
        emoji.load("twitter", downloads=str(tmp_path))
