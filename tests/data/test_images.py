"""Pictures as records."""

from __future__ import annotations

import numpy as np

from src.data.images.digits import load
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
    first = ImageRecords(pixels, np.array([3, 4, 3]), "a")
    assert len(set(first.fingerprints())) == 3
    assert first.take(np.array([2, 0])).fingerprints().tolist() == first.fingerprints()[[2, 0]].tolist()
    assert first.arrays() is first


def test_a_picture_that_comes_twice_is_kept_once() -> None:
    pixels = np.zeros((3, 1, 2, 2), np.float32)
    read = distinct(pixels, np.array([1, 2, 1]), "a")
    assert (len(read.records), read.duplicates) == (2, 1)
    assert read.records.labels.tolist() == [1, 2]
