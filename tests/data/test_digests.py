"""Digests of records: computed once an object, and carried along where records are taken from others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from telltale.data.digests import once, with_known_digests
from telltale.data.records import input_digests
from tests.defenses.recipes import RECORDS


def test_digests_are_computed_once_an_object() -> None:
    """Catches digests computed anew with each query of each model: 1,792 times in a rerun."""
    computed: list[int] = []

    class Rows:
        @once("_fingerprints_kept")
        def fingerprints(self) -> np.ndarray:
            computed.append(1)
            return np.array([b"a", b"b"])

    first, second = Rows(), Rows()
    assert (first.fingerprints() == first.fingerprints()).all() and (second.fingerprints() == [b"a", b"b"]).all()
    assert computed == [1, 1]


@pytest.mark.parametrize("rows", [np.array([5, 0, 5]), np.arange(len(RECORDS)) < 3, slice(2, 4)])
def test_taken_records_have_the_digests_of_their_own_rows(rows: np.ndarray) -> None:
    """Catches digests that are carried along in another order, and labels that do not count."""
    fresh = replace(RECORDS).take(rows)  # of these nothing is known
    records = replace(RECORDS)
    records.fingerprints(), input_digests(records)
    taken = records.take(rows)
    assert "_fingerprints_kept" in vars(taken) and "_fingerprints_kept" not in vars(fresh)
    assert (taken.fingerprints() == fresh.fingerprints()).all()
    assert (input_digests(taken) == input_digests(fresh)).all()


def test_other_labels_have_other_digests() -> None:
    """Catches digests that outlive a change of what they are of."""
    before = RECORDS.fingerprints()
    other = replace(RECORDS, labels=(RECORDS.labels + 1) % len(RECORDS.classes))
    assert (other.fingerprints() != before).all() and (input_digests(other) == input_digests(RECORDS)).all()


def test_kept_digests_cannot_be_written_to() -> None:
    """Catches a caller that changes what all later callers are told."""
    with pytest.raises(ValueError, match="read-only"):
        RECORDS.fingerprints()[0] = b""


def test_nothing_is_carried_that_is_not_known() -> None:
    """Catches digests computed for rows that nobody asks for."""
    records = replace(RECORDS)
    assert "_fingerprints_kept" not in vars(with_known_digests(records.take(np.arange(2)), records, np.arange(2)))
