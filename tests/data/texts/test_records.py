"""Texts as records: slices keep what belongs together, and digests tell inputs apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from telltale.data.records import input_digests
from telltale.data.texts.records import END, PAD, START, TextRecords


def texts(*rows: list[int], labels: list[int] | None = None) -> TextRecords:
    names = np.array([f"text {number}" for number in range(len(rows))], dtype=object)
    return TextRecords(
        tokens=np.array(rows, np.int64),
        vocabulary=8,
        tokenizer="t",
        source="test",
        texts=names,
        shown=names,
        groups=np.arange(len(rows)),
        labels=None if labels is None else np.array(labels, np.int64),
        classes=("a", "b"),
    )


def test_slices_keep_all_that_belongs_to_a_text() -> None:
    records = texts([START, 3, END, PAD], [START, 4, 5, END], [START, 6, END, PAD], labels=[0, 1, 1])
    taken = records.take(np.array([2, 0]))
    assert taken.tokens.tolist() == [[START, 6, END, PAD], [START, 3, END, PAD]]
    assert (taken.labels is not None and taken.labels.tolist()) == [1, 0]
    assert taken.texts.tolist() == ["text 2", "text 0"] and taken.groups.tolist() == [2, 0]
    assert len(records.take(np.array([True, False, True]))) == 2


def test_digests_tell_inputs_apart_and_labels_only_with_fingerprints() -> None:
    records = texts([START, 3, END], [START, 3, END], [START, 4, END], labels=[0, 1, 0])
    inputs, whole = input_digests(records), records.fingerprints()
    assert inputs[0] == inputs[1] != inputs[2]
    assert len(set(whole.tolist())) == 3
    np.testing.assert_array_equal(records.take(np.array([2])).fingerprints(), whole[2:])


def test_tokens_outside_the_vocabulary_are_no_records() -> None:
    with pytest.raises(ValueError, match="tokens run to 9"):
        texts([START, 9, END])
    with pytest.raises(ValueError, match="expected int64"):
        records = texts([START, 3, END])
        replace(records, tokens=records.tokens.astype(np.int32))
