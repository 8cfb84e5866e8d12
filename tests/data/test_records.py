"""What all kinds of records promise: labels that name a class, and no record in two pools."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.data.digests import as_digests, digests_of, equal_pair, first_of_each
from telltale.data.images.records import ImageRecords
from telltale.data.loaded import Loaded
from telltale.data.molecules import b3db, moses
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.pools import PoolSizes, deal
from telltale.data.records import found_in, input_digests, require_labels, shared_inputs
from telltale.data.tables import census
from telltale.data.tables.records import Column, TableRecords
from telltale.errors import InputError

SIZES = PoolSizes(members=1, non_members=1, auxiliary=1)


def molecules(labels: list[int] | None = None, *smiles: str) -> MoleculeRecords:
    records = MoleculeRecords.of(smiles or ["CCO", "CCN", "CC"], "some")
    if labels is None:
        return records
    return MoleculeRecords(records.smiles, "some", labels=np.array(labels), classes=("no", "yes"))


@given(st.lists(st.integers(0, 30), max_size=40))
def test_the_pair_found_is_of_equal_records_and_there_is_one_if_any(values: list[int]) -> None:
    pair = equal_pair(digests_of(np.array(values, np.int64)[:, None]))
    assert (pair is None) == (len(set(values)) == len(values))
    if pair is not None:
        assert pair[0] < pair[1] and values[pair[0]] == values[pair[1]]


def test_digests_with_equal_first_halves_are_no_twins() -> None:
    """Catches a comparison of the eight bytes that are sorted."""
    assert equal_pair(as_digests([b"12345678abcdefgh", b"12345678abcdefgi"])) is None
    assert equal_pair(as_digests([b"12345678abcdefgh", b"12345678abcdefgi", b"12345678abcdefgh"])) == (0, 2)


@given(st.lists(st.integers(0, 5), max_size=20))
def test_the_first_of_equal_records_is_kept_in_order(values: list[int]) -> None:
    kept = first_of_each(digests_of(np.array(values, np.int64)[:, None]))
    assert [values[row] for row in kept] == list(dict.fromkeys(values))


def test_a_record_that_is_there_twice_is_refused_before_it_lies_in_two_pools() -> None:
    records = molecules(None, "CCO", "CC", "OCC", "CCN")
    with pytest.raises(InputError, match=r"^dataset=some: .*positions 0 and 2 are the same"):
        deal(records, SIZES, seed=0)
    assert len(deal(records.take(np.array([0, 1, 3])), SIZES, seed=0).challenge) == 2


def test_looking_for_twins_among_a_million_takes_under_a_second() -> None:
    digests = np.frombuffer(np.random.default_rng(0).bytes(16_000_000), "S16")
    started = time.process_time()
    assert equal_pair(digests) is None
    assert time.process_time() - started < 1


def test_the_digest_of_a_molecule_holds_its_class_where_it_has_one() -> None:
    plain, no, yes = (molecules(labels).fingerprints() for labels in (None, [0, 0, 0], [1, 0, 0]))
    assert plain[0] != no[0] != yes[0]
    assert no[1:].tolist() == yes[1:].tolist()


def test_molecules_keep_their_classes_and_properties_when_taken() -> None:
    records = molecules([0, 1, 1]).take(np.array([False, True, True]))
    assert (records.labels.tolist(), records.classes) == ([1, 1], ("no", "yes"))


def test_unlabelled_records_and_those_of_one_class_are_refused_for_supervised_use() -> None:
    with pytest.raises(InputError, match=r"^dataset=some: has no labels; .*dataset\.label"):
        require_labels(molecules())
    with pytest.raises(InputError, match=r"^dataset=some: all 3 records are of the class yes"):
        require_labels(molecules([1, 1, 1]))
    assert require_labels(molecules([0, 1, 1])).classes == ("no", "yes")


def rows(labels: list[int]) -> TableRecords:
    features = np.arange(6, dtype=np.float32).reshape(3, 2)
    return TableRecords(features, np.array(labels), "some", ("no", "yes"), (Column("x", "numeric", 0, 2),))


def pictures(labels: list[int], dtype: type = np.uint8) -> ImageRecords:
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    levels = np.stack([np.roll(every, shift) for shift in range(3)])
    pixels = levels if dtype == np.uint8 else levels / np.float32(255)
    return ImageRecords(pixels + dtype(0), np.array(labels), "some", ("no", "yes"))


@pytest.mark.parametrize("make", [molecules, rows, pictures])
def test_inputs_are_the_same_under_any_label_and_in_any_order(make: Callable[[list[int]], Any]) -> None:
    """Catches a record that hides from its pre-training twin, or gets fresh noise, behind another label."""
    first, second = input_digests(make([0, 1, 0])), input_digests(make([1, 1, 0]).take(np.array([2, 0, 1])))
    assert first.dtype == np.dtype("S16") and first[[2, 0, 1]].tolist() == second.tolist()
    assert input_digests(make([0, 1, 0]).take(np.arange(0))).tolist() == []


def test_labelled_molecules_are_found_among_unlabelled_ones() -> None:
    labelled = molecules([0, 1], "OCC", "CCCl")
    assert found_in(labelled, molecules()).tolist() == [True, False]
    assert shared_inputs(labelled, molecules()) == 1


def test_a_picture_is_the_same_in_bytes_and_in_numbers_from_zero_to_one() -> None:
    """Catches noise that is drawn anew, and averaged away, by asking once as uint8 and once as float32."""
    whole, numbers = pictures([0, 1, 0]), pictures([0, 0, 0], np.float32)
    assert input_digests(whole).tolist() == input_digests(numbers).tolist()
    between = replace(numbers, pixels=numbers.pixels * np.float32(0.999))
    assert shared_inputs(between, whole) == 0 and len(set(input_digests(between))) == 3


def test_labelled_records_of_a_class_that_names_no_input_are_refused() -> None:
    """Catches labels that slip into a digest of inputs through a new class of records."""
    with pytest.raises(TypeError, match="SimpleNamespace"):
        input_digests(SimpleNamespace(labels=np.zeros(1)))


def test_loaders_keep_their_promise() -> None:
    """Catches, with mypy, a loader whose result lacks a part that every loader has."""
    loaded: Loaded[TableRecords] = census.load()
    assert loaded.lines == len(loaded.records) + loaded.duplicates + len(loaded.invalid)


@pytest.mark.slow
def test_b3db_is_labelled_and_its_molecules_in_moses_are_found() -> None:
    """Catches labelled molecules that hide from their unlabelled twins in the pre-training pool."""
    labelled, pool = b3db.load().records, moses.load().records
    assert labelled.classes == ("BBB-", "BBB+") and np.bincount(labelled.labels).min() > 2000
    found = found_in(labelled, pool)
    assert labelled.smiles[found].tolist() == [text for text in labelled.smiles if text in set(pool.smiles)]
    assert found.sum() == shared_inputs(labelled, pool) == 5
