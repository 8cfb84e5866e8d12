"""IDX files, and the sets of 28 x 28 grey pictures that are made of them."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from telltale.data import fetch as fetching
from telltale.data.artefacts import ARTEFACTS
from telltale.data.images import fashion_mnist, mnist
from telltale.data.images.idx import read_idx
from telltale.errors import InputError

PICTURES = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
LABELS = np.array([9, 1, 5], np.uint8)


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def plant(folder: Path, part: str = "train", ending: str = "", shift: int = 0, **changes: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pack = gzip.compress if ending == ".gz" else bytes
    given = {"images-idx3": PICTURES + shift, "labels-idx1": LABELS, **changes}
    for name, array in given.items():
        (folder / f"{part}-{name}-ubyte{ending}").write_bytes(pack(idx(array.astype(np.uint8))))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4, min_side=0)), st.booleans())
def test_an_array_comes_back_as_it_was_written(tmp_path: Path, array: np.ndarray, zipped: bool) -> None:
    file = tmp_path / "x"
    file.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    read = read_idx(file)
    assert read.shape == array.shape
    np.testing.assert_array_equal(read, array)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40))
def test_any_other_file_is_one_line(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x"
    file.write_bytes(data)
    try:
        assert idx(read_idx(file)) == data
    except InputError as error:
        assert "\n" not in str(error) and str(file) in str(error)


def test_a_part_that_is_not_there_is_told_and_no_link_is_followed_out(tmp_path: Path) -> None:
    """Catches test pictures taken for all of the set, where the labels of the others are missing."""
    root = tmp_path / "root"
    plant(root, "train", shift=1)
    plant(root, "t10k")
    assert mnist.load(str(root)).told == ()
    (root / "train-labels-idx1-ubyte").rename(tmp_path / "labels")
    for read in (mnist.load(str(root)), fashion_mnist.load(root=str(root))):
        assert read.told == ("train-images-idx3-ubyte or train-labels-idx1-ubyte is not there: only t10k was read",)
    (root / "train-labels-idx1-ubyte").symlink_to(tmp_path / "labels")
    with pytest.raises(InputError, match="train-labels-idx1-ubyte is a link to"):
        mnist.load(str(root))


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("place", [".", "FashionMNIST/raw", "raw"])
def test_idx_files_are_found_flat_or_below_gzipped_or_not(tmp_path: Path, place: str, ending: str) -> None:
    plant(tmp_path / place, "train", ending)
    plant(tmp_path / place, "t10k", ending, shift=100)
    records = fashion_mnist.load(root=str(tmp_path)).records
    assert records.shape == (1, 4, 4) and records.pixels.dtype == np.uint8
    assert records.labels.tolist() == [9, 1, 5] * 2
    np.testing.assert_array_equal(records.pixels[3:, 0], PICTURES + 100)


def test_the_parts_of_one_data_set_count_as_one(tmp_path: Path) -> None:
    plant(tmp_path / "MNIST" / "raw", "train")
    plant(tmp_path / "MNIST" / "raw", "t10k")
    read = mnist.load(root=str(tmp_path))
    assert (len(read.records), read.duplicates, read.lines) == (3, 3, 6)


def test_embedded_fashion_mnist_is_ten_thousand_distinct_pictures_a_thousand_a_class() -> None:
    read = fashion_mnist.load()
    assert (len(read.records), read.duplicates, read.lines) == (10_000, 0, 10_000)
    assert np.bincount(read.records.labels).tolist() == [1000] * 10
    assert read.records.shape == (1, 28, 28)


def test_coarse_labels_are_groups_of_the_fine_ones() -> None:
    fine, coarse = fashion_mnist.load().records, fashion_mnist.load(labels="coarse").records
    assert coarse.classes == ("tops", "bottoms", "footwear", "bags")
    assert np.bincount(coarse.labels).tolist() == [5000, 1000, 3000, 1000]
    groups = {fine.classes[label]: set(coarse.labels[fine.labels == label]) for label in range(10)}
    assert groups["sandal"] == groups["ankle boot"] == {2} and groups["shirt"] == {0}
    np.testing.assert_array_equal(fine.pixels, coarse.pixels)


def test_full_fashion_mnist_is_both_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path / "fashion_mnist", "train", ".gz")
    plant(tmp_path / "fashion_mnist", "t10k", ".gz", shift=100)
    monkeypatch.setattr(fetching, "_complete", lambda *_: True)
    read = fashion_mnist.load(full=True, downloads=str(tmp_path))
    assert (len(read.records), read.records.source) == (6, "Fashion-MNIST")


def test_fetched_mnist_has_its_grey_levels_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches rounding down: the package writes 0.004 for 1/255."""
    (tmp_path / "mnist").mkdir()
    levels = np.arange(256, dtype=np.uint8)
    for digit in range(10):
        grey = np.roll(np.resize(levels, 784), digit)
        shares = [round(level / 255, 3) for level in grey.tolist()]
        (tmp_path / "mnist" / f"{digit}.json").write_text(json.dumps({"data": shares}))
    monkeypatch.setattr(fetching, "_complete", lambda *_: True)
    records = mnist.load(downloads=str(tmp_path)).records
    assert records.labels.tolist() == list(range(10)) and records.shape == (1, 28, 28)
    np.testing.assert_array_equal(records.pixels[0].ravel(), np.resize(levels, 784))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"labels-idx1": np.array([1, 2])}, "expected (n, height, width) and (n,)"),
        ({"labels-idx1": np.array([1, 2, 10])}, "holds the label 10; expected 0 to 9"),
        ({"images-idx3": LABELS}, "expected (n, height, width) and (n,)"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, changes: dict, told: str) -> None:
    plant(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        fashion_mnist.load(root=str(tmp_path))
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"labels": "middle"}, "dataset.labels=middle: expected fine or coarse"),
        ({"full": True}, "dataset.downloads=null"),
        ({"root": "nowhere"}, "dataset.root=nowhere: no such file or folder; expected a folder with {train,t10k}"),
    ],
)
def test_fashion_mnist_tells_what_it_needs(options: dict, told: str) -> None:
    with pytest.raises(InputError) as error:
        fashion_mnist.load(**options)
    assert told in str(error.value)


def test_pictures_of_one_class_are_refused(tmp_path: Path) -> None:
    plant(tmp_path, **{"labels-idx1": np.array([8, 8, 8])})
    with pytest.raises(InputError, match="all 3 records are of the class bag"):
        fashion_mnist.load(root=str(tmp_path))


def test_a_folder_without_idx_files_is_told_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(PICTURES))  # without its labels
    with pytest.raises(InputError, match=r"-labels-idx1-ubyte\[\.gz\], flat or in MNIST/raw"):
        mnist.load(root=str(tmp_path))


def test_a_head_of_more_axes_than_pictures_have_is_told_in_one_line(tmp_path: Path) -> None:
    """Catches a traceback where a head of one byte more says 70 axes."""
    (tmp_path / "labels").write_bytes(bytes((0, 0, 8, 70)) + b"\0\0\0\1" * 70 + b"\0")
    with pytest.raises(InputError, match="expected an IDX file"):
        read_idx(tmp_path / "labels")


def test_the_embedded_files_are_those_of_the_package() -> None:
    """Catches a slice that was made anew and differs from what its notice says."""
    hashes = {member.name: member.sha256 for member in ARTEFACTS["fashion_mnist"].files}
    for file in (fashion_mnist.EMBEDDED / "fashion_mnist").glob("*.gz"):
        assert fetching._sha256(file) == hashes[file.name]
