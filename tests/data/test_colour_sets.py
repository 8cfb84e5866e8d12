"""CIFAR in its binary version, and folders of pictures."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telltale.data.images import pictures
from telltale.data.images.cifar import CIFAR10, CIFAR100, Version, load_cifar10, load_cifar100
from telltale.data.images.image_folder import load
from telltale.errors import InputError


def rows(count: int, labels: list[list[int]], seed: int) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)
    return np.concatenate([np.array(labels, np.uint8).reshape(count, -1), pixels], axis=1)


def plant(folder: Path, version: Version, labels: list[list[int]]) -> list[np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    written = [rows(len(labels), labels, seed) for seed, _ in enumerate(version.files)]
    for name, table in zip(version.files, written, strict=True):
        (folder / name).write_bytes(table.tobytes())
    return written


@pytest.mark.parametrize("place", [".", "cifar-10-batches-bin"])
def test_cifar10_has_all_six_files_in_order(tmp_path: Path, place: str) -> None:
    written = plant(tmp_path / place, CIFAR10, [[3], [9]])
    names = [f"name{number}" for number in range(10)]
    (tmp_path / place / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    records = load_cifar10(str(tmp_path)).records
    assert (len(records), records.shape, records.pixels.dtype) == (12, (3, 32, 32), np.uint8)
    assert records.labels.tolist() == [3, 9] * 6 and records.classes == tuple(names)
    np.testing.assert_array_equal(records.pixels[2, 1].ravel(), written[1][0, 1 + 1024 : 1 + 2048])  # green


def test_cifar100_has_fine_and_coarse_labels_of_the_same_pictures(tmp_path: Path) -> None:
    """Catches the two label bytes the wrong way round: the coarse one comes first."""
    plant(tmp_path / "cifar-100-binary", CIFAR100, [[11, 72], [0, 4]])
    (tmp_path / "cifar-100-binary" / "coarse_label_names.txt").write_text("\n".join(f"group{k}" for k in range(20)))
    fine, coarse = (load_cifar100(str(tmp_path), labels).records for labels in ("fine", "coarse"))
    assert fine.labels.tolist() == [72, 4] * 2 and coarse.labels.tolist() == [11, 0] * 2
    assert coarse.classes[11] == "group11" and fine.classes[72] == "class 72"
    np.testing.assert_array_equal(fine.pixels, coarse.pixels)
    assert fine.with_coarse_labels().fingerprints().tolist() == coarse.fingerprints().tolist()


def test_files_that_are_not_there_are_told_and_no_link_is_followed_out(tmp_path: Path) -> None:
    """Catches one batch of six taken for CIFAR-10 in silence, and a private text file read as names of classes."""
    root = tmp_path / "root"
    plant(root, CIFAR10, [[3], [9]])
    assert load_cifar10(str(root)).told == ()
    for name in CIFAR10.files[1:]:
        (root / name).unlink()
    gone = ", ".join(CIFAR10.files[1:])
    assert load_cifar10(str(root)).told == (f"{gone} of CIFAR-10 not there: 1 of 6 files were read",)
    (root / "batches.meta.txt").write_text("airplane\nautomobile\n")
    assert load_cifar10(str(root)).told[1:] == ("batches.meta.txt does not hold 10 names: the classes are numbers",)
    (root / "batches.meta.txt").unlink()
    (tmp_path / "secret.txt").write_text("\n".join(map(str, range(10))))
    (root / "batches.meta.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InputError, match=r"batches\.meta\.txt is a link to .*secret\.txt, outside of it"):
        load_cifar10(str(root))


@pytest.mark.parametrize(
    ("above", "told"), [(("train", "Val"), 0), (("hospitalA", "hospitalB"), 1), (("a", "test"), 1)]
)
def test_folders_of_one_name_are_one_class_in_silence_only_below_splits(
    tmp_path: Path, above: tuple[str, ...], told: int
) -> None:
    """Catches patient p1 of one hospital put together with p1 of another."""
    for at, (split, name) in enumerate((split, name) for split in above for name in ("p1", "p2")):
        (tmp_path / split / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), (at * 20, 0, 0)).save(tmp_path / split / name / "0.png")
    read = load(str(tmp_path), size=8)
    assert len(read.told) == told
    assert not told or f"the folders p1 of {above[0]}, {above[1]} were put together as one class" in read.told[0]


def test_the_pickled_cifar_is_not_read_but_told_apart(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"\x80")
    told = "holds the pickled version, and nothing is ever unpickled here; get cifar-10-binary.tar.gz"
    for root in (tmp_path, tmp_path / "cifar-10-batches-py"):
        with pytest.raises(InputError, match=told):
            load_cifar10(str(root))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (rows(2, [[1], [2]], 0).tobytes()[:-1], "is cut short or damaged: 6145 bytes, expected a multiple of 3073"),
        (b"", "is cut short or damaged: 0 bytes"),
        (rows(1, [[10]], 0).tobytes(), "holds the label 10, expected 0 to 9"),
    ],
)
def test_damaged_cifar_is_told(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "test_batch.bin").write_bytes(data)
    with pytest.raises(InputError) as error:
        load_cifar10(str(tmp_path))
    assert told in str(error.value)


def test_missing_cifar_is_told_with_what_to_unpack(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cifar-100-binary/\*\.bin, as cifar-100-binary\.tar\.gz unpacks to"):
        load_cifar100(str(tmp_path))
    with pytest.raises(InputError, match=r"dataset\.labels=both: expected fine or coarse"):
        load_cifar100(str(tmp_path), "both")


def picture(path: Path, colour: tuple[int, ...] | int, size: tuple[int, int] = (40, 40), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def test_each_folder_is_a_class_in_alphabetical_order(tmp_path: Path) -> None:
    picture(tmp_path / "zoe" / "1.png", (255, 0, 0))
    picture(tmp_path / "ada" / "1.JPG", (0, 0, 0))
    picture(tmp_path / "ada" / "2.jpeg", (255, 255, 255))
    records = load(str(tmp_path), size=8).records
    assert records.classes == ("ada", "zoe") and records.labels.tolist() == [0, 0, 1]
    assert records.shape == (3, 8, 8)
    assert records.pixels[2, :, 0, 0].tolist() == [255, 0, 0]


def test_splits_are_joined_and_are_no_classes(tmp_path: Path) -> None:
    for at, (split, name) in enumerate([("train", "a"), ("train", "b"), ("val", "a")]):
        picture(tmp_path / split / name / "x.png", (50 * at, 0, 0))
    records = load(str(tmp_path), size=4).records
    assert records.classes == ("a", "b") and records.labels.tolist() == [0, 1, 0]


def test_the_middle_square_is_kept(tmp_path: Path) -> None:
    """Catches a picture squeezed instead of cropped."""
    for name, green in (("a", 255), ("b", 200)):
        wide = Image.new("RGB", (60, 20), (255, 0, 0))
        wide.paste((0, green, 0), (20, 0, 40, 20))
        (tmp_path / name).mkdir()
        wide.save(tmp_path / name / "x.png")
    pixels = load(str(tmp_path), size=10).records.pixels
    assert not pixels[:, 0].any() and pixels[:, 1].reshape(2, -1).tolist() == [[255] * 100, [200] * 100]


def test_grey_and_transparent_pictures_are_read(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "x.png", (0, 0, 0, 0), mode="RGBA")  # nothing on white
    picture(tmp_path / "b" / "x.png", 100, mode="L")
    grey = load(str(tmp_path), size=2, grey=True).records
    assert grey.shape == (1, 2, 2) and grey.pixels[:, 0, 0, 0].tolist() == [255, 100]
    assert load(str(tmp_path), size=2).records.pixels[1, :, 0, 0].tolist() == [100, 100, 100]


def test_files_that_are_no_pictures_are_listed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / name / "good.png", (0, 0, len(name + name) if name == "a" else 99))
    good = (tmp_path / "a" / "good.png").read_bytes()
    (tmp_path / "a" / "cut.png").write_bytes(good[: len(good) // 2])
    (tmp_path / "b" / "text.jpg").write_text("not a picture")
    (tmp_path / "b" / "notes.txt").write_text("never looked at")
    read = load(str(tmp_path), size=4)
    assert (len(read.records), len(read.invalid), read.lines) == (2, 2, 4)
    read.write_invalid(tmp_path / "invalid.csv")
    with (tmp_path / "invalid.csv").open(newline="") as stream:
        header, *listed = csv.reader(stream)
    assert header == ["file", "line", "reason", "text"]
    assert [Path(file).name for file, *_ in listed] == ["cut.png", "text.jpg"] and all(row[2] for row in listed)


def test_the_second_reading_comes_from_disk_until_a_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, cache = tmp_path / "data", str(tmp_path / "cache")
    picture(data / "a" / "x.png", (1, 1, 1))
    picture(data / "b" / "x.png", (2, 2, 2))
    (data / "b" / "bad.png").write_bytes(b"")
    first = load(str(data), 4, cache=cache)
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "_read_all", None)  # a call would fail
        second = load(str(data), 4, cache=cache)
    np.testing.assert_array_equal(first.records.pixels, second.records.pixels)
    assert second.invalid == first.invalid and len(first.invalid) == 1
    picture(data / "a" / "x.png", (3, 3, 3))
    os.utime(data / "a" / "x.png", (1, 1))
    assert load(str(data), 4, cache=cache).records.pixels[0, 0, 0, 0] == 3


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([], "holds no picture; expected a folder with <class>/*.jpg"),
        (["x.png"], "pictures lie 1 levels deep"),
        (["a/x.png", "train/a/x.png"], "pictures lie 2 and 3 levels deep"),
        (["a/x.png"], "all pictures are of the class a; expected two classes"),
    ],
)
def test_other_layouts_are_told(tmp_path: Path, files: list[str], told: str) -> None:
    for file in files:
        picture(tmp_path / file, (0, 0, 0))
    with pytest.raises(InputError) as error:
        load(str(tmp_path))
    assert told in str(error.value)


def test_a_folder_of_broken_pictures_and_a_bad_size_are_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"none of 2 files is a picture; x\.png: UnidentifiedImageError"):
        load(str(tmp_path))
    for size in (0, True, 2.5):
        with pytest.raises(InputError, match=r"dataset\.size="):
            load(str(tmp_path), size)  # type: ignore[arg-type]
