"""Pictures as records."""

from __future__ import annotations

import time

import numpy as np
import pytest

from src.data.images.digits import CLASSES, load
from src.data.images.records import ImageRecords, distinct
from src.data.pools import PoolSizes, deal


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
    started = time.perf_counter()
    records.fingerprints()
    assert time.perf_counter() - started < 1


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
