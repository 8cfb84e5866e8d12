"""What all kinds of records promise: labels that name a class, and no record in two pools."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.digests import as_digests, digests_of, equal_pair, first_of_each
from src.data.molecules.records import MoleculeRecords
from src.data.pools import PoolSizes, deal
from src.data.records import Loaded, require_labels
from src.data.tables import census
from src.data.tables.records import TableRecords
from src.errors import InputError

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
    started = time.perf_counter()
    assert equal_pair(digests) is None
    assert time.perf_counter() - started < 1


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


def test_loaders_keep_their_promise() -> None:
    """Catches, with mypy, a loader whose result lacks a part that every loader has."""
    loaded: Loaded[TableRecords] = census.load()
    assert loaded.lines == len(loaded.records) + loaded.duplicates + len(loaded.invalid)
