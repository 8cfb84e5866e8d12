"""Oxford Pets as its two archives unpack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telltale.data.images import pictures
from telltale.data.images.oxford_pets import load
from telltale.errors import InputError

TRAINVAL = "#Image CLASS-ID SPECIES BREED ID\nBritish_Shorthair_2 7 1 3\nAbyssinian_100 1 1 1\n"
TEST = "beagle_12 5 2 2\nAbyssinian_101 1 1 1\n"
GREEN = {"British_Shorthair_2": 10, "Abyssinian_100": 80, "beagle_12": 160, "Abyssinian_101": 240}


def plant(folder: Path) -> str:
    """Write four wide photographs, green in the middle and red at the sides, and their lists."""
    for name in ("images", "annotations"):
        (folder / name).mkdir(parents=True)
    for name, green in GREEN.items():
        wide = Image.new("RGB", (60, 20), (255, 0, 0))
        wide.paste((0, green, 0), (20, 0, 40, 20))
        wide.save(folder / "images" / f"{name}.jpg", quality=100, subsampling=0)
    (folder / "annotations" / "trainval.txt").write_text(TRAINVAL)
    (folder / "annotations" / "test.txt").write_text(TEST)
    return str(folder)


def test_breeds_and_species_come_from_the_lists_in_order_of_their_numbers(tmp_path: Path) -> None:
    """Catches a class named after the wrong breed, and species for breeds: names may have more than one word."""
    records = load(plant(tmp_path), size=16).records
    assert records.classes == ("Abyssinian", "beagle", "British_Shorthair")
    assert records.labels.tolist() == [2, 0, 1, 0]
    coarse = records.with_coarse_labels()
    assert coarse.classes == ("cat", "dog") and coarse.labels.tolist() == [0, 0, 1, 0]
    assert load(str(tmp_path), 16, "coarse").records.fingerprints().tolist() == coarse.fingerprints().tolist()


def test_the_middle_square_of_each_photograph_is_kept(tmp_path: Path) -> None:
    """Catches photographs squeezed, or pictures in another order than their labels."""
    pixels = load(plant(tmp_path), size=8).records.pixels.astype(int)
    assert pixels.shape == (4, 3, 8, 8)
    assert np.abs(pixels[:, 1, 4, 4] - list(GREEN.values())).max() <= 2 and pixels[:, 0, 4, 4].max() <= 2


def test_photographs_that_are_missing_or_broken_are_listed_and_the_rest_keep_their_labels(tmp_path: Path) -> None:
    """Catches labels that slide by one behind a picture that cannot be read."""
    root = plant(tmp_path)
    (tmp_path / "images" / "British_Shorthair_2.jpg").unlink()
    (tmp_path / "images" / "Abyssinian_100.jpg").write_bytes(b"broken")
    read = load(root)
    assert [bad.file.stem for bad in read.invalid] == ["British_Shorthair_2", "Abyssinian_100"]
    assert read.lines == 4 and [read.records.classes[label] for label in read.records.labels] == [
        "beagle",
        "Abyssinian",
    ]


def test_the_second_reading_comes_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cache = plant(tmp_path / "data"), str(tmp_path / "cache")
    first = load(root, cache=cache).records
    monkeypatch.setattr(pictures, "_read_all", None)  # a call would fail
    np.testing.assert_array_equal(load(root, cache=cache).records.pixels, first.pixels)


@pytest.mark.parametrize("line", ["Abyssinian_100 1 1", "Abyssinian_100 1 3 1", "Abyssinian_100 one 1 1"])
def test_a_line_that_is_none_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    root = plant(tmp_path)
    (tmp_path / "annotations" / "test.txt").write_text(f"{TEST}{line}\n")
    with pytest.raises(InputError, match=r"test\.txt: line 3 is not as in Abyssinian_100 1 1 1"):
        load(root)


def test_a_folder_without_lists_or_photographs_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset\.root=null: expected a folder with images/\*\.jpg"):
        load()
    with pytest.raises(InputError, match=r"annotations/\{trainval,test\}\.txt"):
        load(str(tmp_path))
    root = plant(tmp_path / "pets")
    for file in (tmp_path / "pets" / "images").iterdir():
        file.unlink()
    with pytest.raises(
        InputError, match=r"none of the 4 pictures that are listed can be read from images/; .*: no such file"
    ):
        load(root)
