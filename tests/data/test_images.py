"""Pictures as records."""

from __future__ import annotations

import time

import numpy as np
import pytest

from telltale.data.images import fashion_mnist
from telltale.data.images.digits import CLASSES, load
from telltale.data.images.records import ImageRecords, distinct
from telltale.data.pools import PoolSizes, deal
from telltale.errors import InputError


def test_the_digits_are_distinct_pictures_between_black_and_white() -> None:
    read = load()
    records = read.records
    assert records.pixels.shape == (len(records), 1, 8, 8) and records.pixels.dtype == np.float32
    assert (records.pixels.min(), records.pixels.max()) == (0, 1)
    assert len(records) + read.duplicates == read.lines == 1797 and not read.invalid
    assert set(records.labels) == set(range(10)) and records.kind == "images"


def test_pictures_are_dealt_out_like_any_records() -> None:
    pools = deal(load().records, PoolSizes(members=10, non_members=10, auxiliary=20), seed=0)
    assert pools.kind == "images"
    assert not set(pools.challenge.fingerprints()) & set(pools.auxiliary.fingerprints())


def test_the_digest_tells_pixels_and_labels_apart_and_nothing_else() -> None:
    pixels = np.stack([np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), np.ones((1, 2, 2))]).astype(np.float32)
    first = ImageRecords(pixels, np.array([3, 4, 3]), "a", CLASSES)
    assert len(set(first.fingerprints())) == 3
    assert first.take(np.array([2, 0])).fingerprints().tolist() == first.fingerprints()[[2, 0]].tolist()
    assert first.arrays() is first and first.shape == (1, 2, 2)


def test_seventy_thousand_pictures_have_digests_within_a_second() -> None:
    """Catches a digest that copies or converts every picture."""
    pixels = np.zeros((70_000, 1, 28, 28), np.uint8)
    records = ImageRecords(pixels, np.zeros(70_000, np.int64), "a", CLASSES)
    started = time.process_time()
    records.fingerprints()
    assert time.process_time() - started < 1


def test_a_picture_that_comes_twice_is_kept_once_whatever_its_labels() -> None:
    """Catches one picture on both sides of a split, as member under one label and non-member under another."""
    pixels = np.stack([np.full((1, 2, 2), value, np.uint8) for value in (0, 7, 0, 7)])
    read = distinct(pixels, np.array([1, 2, 1, 3]), "a", CLASSES)
    assert (len(read.records), read.duplicates, read.lines) == (2, 2, 4)
    assert read.records.labels.tolist() == [1, 2]


def test_labels_without_a_name_are_refused() -> None:
    for labels in (np.array([0, 10]), np.array([-1, 0]), np.array([0.0, 1.0]), np.array([0])):
        with pytest.raises(ValueError, match="labels"):
            ImageRecords(np.zeros((2, 1, 2, 2), np.uint8), labels, "a", CLASSES)


def test_taking_keeps_the_names_of_all_classes() -> None:
    part = load().records.take(np.array([3, 1]))
    assert part.classes == CLASSES and len(part.labels) == 2


def two_labellings() -> ImageRecords:
    pixels = np.arange(6 * 4, dtype=np.uint8).reshape(6, 1, 2, 2)
    fine = np.array([0, 1, 2, 3, 2, 0])
    return ImageRecords(pixels, fine, "some", ("w", "x", "y", "z"), fine // 2, ("wx", "yz"))


def test_coarse_labels_follow_their_pictures() -> None:
    """Catches rows taken of the pictures and not of their second labels."""
    part = two_labellings().take(np.array([4, 0, 3]))
    coarse = part.with_coarse_labels()
    assert coarse.labels.tolist() == [1, 0, 1] and coarse.classes == ("wx", "yz")
    assert part.labels.tolist() == [2, 0, 3] and coarse.source == "some, coarse labels"
    np.testing.assert_array_equal(coarse.pixels, part.pixels)


def test_a_data_set_without_coarse_labels_is_told() -> None:
    for records in (load().records, two_labellings().with_coarse_labels()):
        with pytest.raises(InputError, match=r"^downstream=(digits|some, coarse labels): has no coarse labels"):
            records.with_coarse_labels()


def test_coarse_labels_change_no_digest() -> None:
    """Catches stored models that are trained anew because a second labelling was added."""
    records = two_labellings()
    plain = ImageRecords(records.pixels, records.labels, "some", records.classes)
    assert records.fingerprints().tolist() == plain.fingerprints().tolist()


def test_a_wrong_second_labelling_is_refused() -> None:
    records = two_labellings()
    with pytest.raises(ValueError, match="labels"):
        ImageRecords(records.pixels, records.labels, "some", records.classes, np.full(6, 2), ("wx", "yz"))


def test_some_classes_are_labelled_anew_in_the_order_asked_for() -> None:
    """Catches names that stay behind while the labels are renumbered."""
    records = two_labellings()
    part = records.of_classes([2, 0])
    assert part.labels.tolist() == [1, 0, 0, 1] and part.classes == ("y", "w")
    np.testing.assert_array_equal(part.pixels, records.pixels[[0, 2, 4, 5]])
    assert part.coarse is not None and part.coarse.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("which", [[], [1], [1, 1], [0, 4], [-1, 0]])
def test_classes_that_are_none_are_told(which: list[int]) -> None:
    with pytest.raises(InputError, match=r"^downstream=.*two or more different classes of some, from 0 to 3"):
        two_labellings().of_classes(which)


def test_fine_pictures_labelled_coarsely_are_the_coarse_data_set() -> None:
    """Catches a downstream task whose stored models are others than those of dataset.labels=coarse."""
    fine, coarse = fashion_mnist.load().records, fashion_mnist.load(labels="coarse").records
    assert fine.with_coarse_labels().fingerprints().tolist() == coarse.fingerprints().tolist()
    assert fine.with_coarse_labels().source == coarse.source and coarse.coarse is None
