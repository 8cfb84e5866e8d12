"""Pictures of your own whose members are known: a folder of them, a list of paths; models get them as numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telltale.data.given import taken
from telltale.data.images.image_folder import load
from telltale.data.images.pixels import Pixels
from telltale.data.images.records import ReadImages
from telltale.data.pools import PoolSizes, deal
from telltale.errors import InputError
from telltale.targets.users_code import digest_of


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of two classes in two splits, and a copy of three of them elsewhere."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("photos")
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = root / "all" / split / name
            folder.mkdir(parents=True)
            for at in range(2):
                Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{at}.png")
    shutil.copytree(root / "all" / "train" / "cat", root / "copy")
    shutil.copy(root / "all" / "test" / "dog" / "1.png", root / "copy" / "another name.png")
    return root


def read(photos: Path, members: object = None, **more: str) -> ReadImages:
    """Read all pictures."""
    return load(str(photos / "all"), size=8, members=None if members is None else str(members), **more)


def test_the_members_are_a_folder_or_a_list_of_paths(photos: Path) -> None:
    """Catches a folder of members known by its pictures' names, and a path that is not the user's own."""
    given = read(photos, "train").given
    assert given is not None and given.ids.tolist()[:2] == ["test/cat/0.png", "test/cat/1.png"]
    assert given.member.tolist() == [name.startswith("train") for name in given.ids.tolist()]
    same = read(photos, photos / "all" / "train").given
    assert np.array_equal(same.member, given.member)
    elsewhere = read(photos, photos / "copy").given
    assert elsewhere.ids[elsewhere.member].tolist() == ["test/dog/1.png", "train/cat/0.png", "train/cat/1.png"]
    (photos / "in.txt").write_text("train/dog/1.png\ntest/cat/0.png\n")
    listed = read(photos, photos / "in.txt").given
    assert listed.ids[listed.member].tolist() == ["test/cat/0.png", "train/dog/1.png"]


def test_a_model_of_the_owners_gets_numbers_of_its_own_pictures(photos: Path) -> None:
    """Catches bytes where numbers are promised, and records, page and file names that part ways."""
    images = read(photos, "train")
    given = images.given
    rows = np.array([5, 0])
    fed = taken(given.take(np.arange(8)[::-1]).inputs, rows)
    assert fed.dtype == np.float32 and fed.shape == (2, 3, 8, 8) and 0.4 < fed.mean() < 0.6 and fed.max() <= 1
    assert np.array_equal(fed * 255, images.records.pixels[[2, 7]])
    assert given.records.ids.tolist() == given.ids.tolist() == images.records.ids.tolist()
    assert given.records.take(rows).ids.tolist() == given.ids[rows].tolist()
    assert np.asarray(given.inputs).shape == (8, 3, 8, 8)


def test_a_detector_sees_the_means_of_tiles() -> None:
    """Catches a picture turned, or tiles of unequal weight."""
    pixels = np.arange(2 * 1 * 10 * 12, dtype=np.float32).reshape(2, 1, 10, 12)
    numbers = Pixels(pixels).numbers()
    assert numbers.shape == (2, 64)
    assert numbers[0, 0] == pytest.approx(pixels[0, 0, :1, :1].mean())
    assert numbers[1, -1] == pytest.approx(pixels[1, 0, 8:, 10:].mean())


def test_groups_are_listed_beside_their_pictures(photos: Path) -> None:
    """Catches a picture of nobody in particular that is put together with others."""
    (photos / "who.csv").write_text("path,person\ntrain/cat/0.png,ann\ntest/cat/0.png,ann\ntrain/dog/1.png,bob\n")
    images = read(photos, "train", group=str(photos / "who.csv"))
    assert images.told == ("5 of 8 records are not in who.csv and are by themselves (test/cat/1.png)",)
    given = images.given
    same = {given.ids[row] for row in np.flatnonzero(given.groups == given.groups[0])}
    assert same == {"test/cat/0.png", "train/cat/0.png"}
    assert len(np.unique(given.groups)) == 7
    for text, fault in (
        ("train/cat/00.png,ann\ntest/cat/0.png,ann\n", "train/cat/00.png is not in"),
        ("path,person\ntrain/cat/0.png,ann\ntrain/cat/0.png,bob\n", "says of train/cat/0.png both ann and bob"),
        ("path,person\ntrain/cat/0.png\n", "line 2 has 1 cell,"),
    ):
        (photos / "who.csv").write_text(text)
        with pytest.raises(InputError, match=fault):
            read(photos, "train", group=str(photos / "who.csv"))


def test_members_that_are_no_pictures_of_the_data_are_told(photos: Path) -> None:
    """Catches a stranger counted as a member, and a folder that is all of the data."""
    Image.new("RGB", (8, 8)).save(photos / "copy" / "stranger.png")
    for members, said in (
        (photos / "copy", "1 of its 4 pictures are not in all .*, byte for byte; first: stranger.png"),
        (photos / "all", "is dataset.root itself"),
        (photos / "nowhere", "no such file; expected a folder of the members, or a file of ids"),
    ):
        with pytest.raises(InputError, match=said):
            read(photos, members)
    (photos / "copy" / "stranger.png").unlink()


def test_pictures_have_a_digest_of_all_their_pixels() -> None:
    """Catches shadow models of other pictures found in the store, for the text of an array is cut short."""
    pixels = np.zeros((50, 3, 8, 8), np.uint8)
    other = pixels.copy()
    other[25, 1, 4, 4] = 1
    assert digest_of(Pixels(pixels)) != digest_of(Pixels(other))


def test_names_go_with_pictures_to_the_pools(photos: Path) -> None:
    """Catches a picture that is exposed under another one's name where membership is drawn."""
    records = read(photos).records
    dealt = deal(records, PoolSizes(members=2, non_members=2, auxiliary=3), seed=1).challenge
    places = [records.ids.tolist().index(name) for name in dealt.ids.tolist()]
    assert np.array_equal(records.pixels[places], dealt.pixels) and len(set(places)) == 4
