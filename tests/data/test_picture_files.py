"""Pictures as people keep them: of many bits, in many formats, beside what programs leave behind, and links."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telltale.data.images.image_folder import load
from telltale.data.images.pictures import read_pictures
from telltale.data.molecules import smiles
from telltale.errors import InputError

LEVELS = np.random.default_rng(0).integers(0, 256, (4, 9, 9)).astype(np.uint16)


def save(file: Path, levels: np.ndarray) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels).save(file)
    return file


def colour(file: Path, red: int) -> Path:
    return save(file, np.full((6, 6, 3), (red, 0, 0), np.uint8))


def grey_pixels(folder: Path, levels: np.ndarray, ending: str = ".png") -> tuple[np.ndarray, tuple[str, ...]]:
    files = [save(folder / f"{number}{ending}", picture) for number, picture in enumerate(levels)]
    read = read_pictures(folder, files, 4, True, None)
    assert not read.invalid
    return read.pixels, read.told


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_picture_of_sixteen_bits_is_the_one_of_eight(tmp_path: Path, ending: str) -> None:
    """Catches X-rays that turn white: Pillow cuts every level above 255 to 255."""
    eight, silent = grey_pixels(tmp_path / "8", LEVELS.astype(np.uint8), ending)
    sixteen, told = grey_pixels(tmp_path / "16", LEVELS * 257, ending)
    np.testing.assert_array_equal(eight, sixteen)
    assert not silent
    deepest = f"{257 * LEVELS.max():,}"
    assert told == (f"4 grey pictures of more than 8 bits were scaled from 16 (deepest level {deepest}) to 8",)


def test_twelve_bits_in_a_file_of_sixteen_are_told_by_the_deepest_level_of_the_whole_data_set(tmp_path: Path) -> None:
    """Catches dark X-rays, and a dark picture that is made as bright as a bright one beside it."""
    bright, dark = np.full((2, 9, 9), 4095, np.uint16), np.full((2, 9, 9), 819, np.uint16)
    dark[0, 0, 0] = 0  # two pictures, not one
    pixels, told = grey_pixels(tmp_path, np.concatenate([bright[:1], dark]))
    assert pixels[:, 0, 2, 2].tolist() == [255, 51, 51] and "from 12 (deepest level 4,095)" in told[0]
    pixels, told = grey_pixels(tmp_path / "deeper", np.concatenate([bright[:1], dark, bright[:1] * 16]))
    assert pixels[:, 0, 2, 2].tolist() == [16, 3, 3, 255] and "from 16" in told[0]


def test_a_deep_picture_keeps_its_place_and_what_is_no_level_is_listed(tmp_path: Path) -> None:
    """Catches pictures that slide by one where some wait for a scale, and heights in metres taken for levels."""
    files = [
        save(tmp_path / "0.png", np.full((5, 5), 10, np.uint8)),
        save(tmp_path / "1.png", np.full((5, 5), 65535, np.uint16)),
        save(tmp_path / "2.tif", np.full((5, 5), 0.5, np.float32)),
        save(tmp_path / "3.tif", np.full((5, 5), -1000, np.int32)),
        save(tmp_path / "4.png", np.full((5, 5), 30, np.uint8)),
    ]
    for _ in range(2):  # the second time from disk
        read = read_pictures(tmp_path, files, 2, False, str(tmp_path / "cache"))
        assert read.pixels[:, 0, 0, 0].tolist() == [10, 255, 30] and len(read.told) == 1
        assert [(bad.file.name, bad.reason.split(";")[0]) for bad in read.invalid] == [
            ("2.tif", "ValueError: its levels are fractions"),
            ("3.tif", "ValueError: its levels run from -1000 to -1000"),
        ]


def test_what_pillow_reads_is_read_and_the_rest_is_counted(tmp_path: Path) -> None:
    """Catches a class of .webp that is not there, and files that go missing without a word."""
    for at, name in enumerate(("a/1.png", "a/2.BMP", "b/1.webp", "b/2.gif", "b/3.tiff")):
        colour(tmp_path / name, 40 * at)
    for name in ("a/notes.txt", "b/more.txt", "c/1.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    read = load(str(tmp_path), size=2)
    assert read.records.classes == ("a", "b") and read.records.labels.tolist() == [0, 0, 1, 1, 1]
    assert read.account() == [
        "3 files of other endings were left out (.txt 2, .heic)",
        "no class is made of c: no picture there that can be read",
    ]


def test_a_picture_that_moves_is_its_first_and_this_is_told(tmp_path: Path) -> None:
    """Catches the other pages of a TIFF that vanish in silence."""
    first, second = (Image.new("L", (4, 4), level) for level in (10, 200))
    first.save(tmp_path / "x.tif", save_all=True, append_images=[second])
    read = read_pictures(tmp_path, [tmp_path / "x.tif"], 2, True, None)
    assert read.pixels.max() == 10 and read.told == ("1 file holds several pictures, of which the first was read",)


def test_hidden_folders_and_files_are_no_data(tmp_path: Path) -> None:
    """Catches .ipynb_checkpoints as a class that takes the pictures of another, and __MACOSX as a third level."""
    for at, name in enumerate(("cat/1.png", "cat/2.png", "dog/1.png")):
        colour(tmp_path / name, 50 * at)
    colour(tmp_path / ".ipynb_checkpoints" / "1.png", 0)
    colour(tmp_path / "__MACOSX" / "cat" / "._1.png", 7)
    (tmp_path / "cat" / "._1.png").touch()
    read = load(str(tmp_path), size=2)
    assert read.records.classes == ("cat", "dog") and read.records.labels.tolist() == [0, 0, 1]
    assert read.lines == 3 and not read.invalid
    assert read.account() == ["3 hidden files or folders were left out (.ipynb_checkpoints, __MACOSX, ._1.png)"]


def test_the_layout_of_tiny_imagenet_is_read_from_its_root_and_from_train(tmp_path: Path) -> None:
    """Catches a class named images, and the unlabelled val as one."""
    for at, name in enumerate(("train/n01/images/1.png", "train/n02/images/2.png", "val/images/3.png")):
        colour(tmp_path / name, 50 * at)
    told = "1 picture of val is in no folder of a class and left out"
    for root, said in ((tmp_path, [told]), (tmp_path / "train", [])):
        read = load(str(root), size=2)
        assert read.records.classes == ("n01", "n02") and read.records.labels.tolist() == [0, 1]
        assert read.account() == said


@pytest.mark.parametrize("names", [("train/images/1.png", "val/images/2.png"), ("train/1.png", "test/2.png")])
def test_splits_are_not_taken_for_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Catches a model that learns to tell the training split from the other."""
    for at, name in enumerate(names):
        colour(tmp_path / name, 50 * at)
    with pytest.raises(InputError, match=r"its classes would be .* and .*, which are splits"):
        load(str(tmp_path))


def test_equal_pictures_are_counted_listed_and_told_where_labels_differ(tmp_path: Path) -> None:
    """Catches a record dropped in silence, and a class without a picture that a model still learns."""
    for name, red in (("a/1.png", 0), ("a/2.png", 0), ("b/3.png", 0), ("c/4.png", 90)):
        colour(tmp_path / name, red)
    read = load(str(tmp_path), size=2)
    assert (read.lines, read.duplicates, read.conflicts, read.records.classes) == (4, 2, 1, ("a", "c"))
    assert read.records.labels.tolist() == [0, 1]
    assert read.account() == [
        "2 of 4 records equal an earlier one and were left out, 1 of them under another label: the first counts; "
        "listed in invalid_records.csv",
        "no picture is left of b: no class",
    ]
    read.write_invalid(tmp_path / "invalid.csv")
    lines = (tmp_path / "invalid.csv").read_text(encoding="utf-8").splitlines()
    same = f"the same picture as {tmp_path / 'a' / '1.png'}"
    assert lines[1] == f"{tmp_path / 'a' / '2.png'},,{same},"
    assert lines[2] == f'{tmp_path / "b" / "3.png"},,"{same}, under another label",'


def test_links_within_the_root_are_followed_and_a_circle_ends(tmp_path: Path) -> None:
    """Catches a linked class that is not there, and a walk that never ends."""
    root = tmp_path / "set"
    for name, red in (("a/1.png", 0), ("b/1.png", 50), (".kept/c/1.png", 100)):
        colour(root / name, red)
    (root / "c").symlink_to(root / ".kept" / "c")
    (root / "a" / "again").symlink_to(root)
    (root / "a" / "gone.png").symlink_to(root / "nothing")
    read = load(str(root), size=2)
    assert read.records.classes == ("a", "b", "c")
    assert "2 links that lead nowhere, or in a circle, were left out (again, gone.png)" in read.account()


@pytest.mark.parametrize("what", ["c", "c/1.png"])
def test_links_out_of_the_root_are_refused_unless_allowed(tmp_path: Path, what: str) -> None:
    """Catches a data set of a stranger that reads what lies beside it."""
    root, other = tmp_path / "set", tmp_path / "other"
    for name, red in (("set/a/1.png", 0), ("set/b/1.png", 50), ("other/c/1.png", 100)):
        colour(tmp_path / name, red)
    (root / what).parent.mkdir(exist_ok=True)
    (root / what).symlink_to(other / what)
    with pytest.raises(InputError, match=rf"{what} is a link to .*, outside of it; dataset.follow_links=true reads it"):
        load(str(root), size=2)
    assert load(str(root), size=2, follow_links=True).records.classes == ("a", "b", "c")


def test_a_name_that_is_no_utf8_is_escaped(tmp_path: Path) -> None:
    """Catches a name that can be written nowhere, found out after everything is trained."""
    for at, name in enumerate((b"caf\xe9", b"tea")):
        colour(Path(str(tmp_path)) / name.decode("utf-8", "surrogateescape") / "1.png", 50 * at)
    (tmp_path / "tea" / "r\udce9sum\udce9.png").touch()
    read = load(str(tmp_path), size=2)
    assert read.records.classes == ("caf\\xe9", "tea")
    read.write_invalid(tmp_path / "invalid.csv")
    assert "tea/r\\xe9sum\\xe9.png" in (tmp_path / "invalid.csv").read_text(encoding="utf-8")


def test_a_folder_of_molecules_is_walked_alike(tmp_path: Path) -> None:
    """Catches molecules behind a link that are not there, and a stranger's link that reads another folder."""
    root, other = tmp_path / "set", tmp_path / "other"
    for folder, text in ((root, "CCO\n"), (root / ".old", "CCN\n"), (other, "CCC\n")):
        folder.mkdir()
        (folder / "a.smi").write_text(text, encoding="utf-8")
    (root / "notes.md").touch()
    (root / "more").symlink_to(other)
    with pytest.raises(InputError, match="more is a link to"):
        smiles.load(str(root))
    read = smiles.load(str(root), follow_links=True)
    assert read.records.smiles.tolist() == ["CCO", "CCC"]
    assert read.told == (
        "1 hidden file or folder was left out (.old)",
        "1 file of another ending was left out (.md)",
    )
