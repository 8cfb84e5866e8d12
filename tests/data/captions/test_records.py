"""Captioned pictures keep together what belongs together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nltk.tokenize import NLTKWordTokenizer

from telltale.data.captions.words import words
from telltale.data.records import input_digests
from telltale.errors import InputError
from tests.data.captions.test_pools import pictures


def test_taking_rows_takes_all_that_belongs_to_them() -> None:
    """Catches captions that stay behind when pictures are shuffled."""
    records, rows = pictures(), np.array([7, 2])
    taken, masked = records.take(rows), records.take(np.isin(np.arange(len(records)), rows))
    assert taken.references == (records.references[7], records.references[2]) and masked.names[1] == taken.names[0]
    assert (taken.images == records.images[[7, 2]]).all() and taken.concepts.tolist() == records.concepts[rows].tolist()


def test_a_picture_under_another_caption_is_another_record_of_the_same_input() -> None:
    """Catches a store key that does not tell two captionings apart."""
    records = pictures()
    other = replace(records, references=(("a rose",), *records.references[1:]))
    assert (records.fingerprints() != other.fingerprints()).tolist() == [True] + [False] * (len(records) - 1)
    assert (input_digests(records) == input_digests(other)).all()
    as_float = replace(records, images=records.images / np.float32(255))
    assert (as_float.fingerprints() == records.fingerprints()).all()


def test_withheld_captions_are_nowhere_in_the_record() -> None:
    """Catches a caption that comes along as the record's name."""
    withheld = pictures().take(np.arange(3)).without_captions()
    assert withheld.references == ((),) * 3 and withheld.names == ("picture 1", "picture 2", "picture 3")
    with pytest.raises(ValueError, match="while others have"):
        replace(withheld, references=(("a",), (), ()))


def test_an_unknown_sampling_of_non_members_is_refused() -> None:
    """Catches a misspelt option that would quietly mean the default."""
    with pytest.raises(InputError, match="nonmember_source=other"):
        pictures(nonmember_source="other")


@pytest.mark.parametrize(
    "caption",
    [
        "two dogs , one black and one white , run .",
        "A man in a blue shirt is standing on a ladder cleaning a window.",
        "the man's dog can't swim; it's 3.5 feet deep, isn't it?",
        "black-and-white photo of t-shirts (on sale) for $5 each!",
        "we've seen they'll win",
    ],
)
def test_words_are_those_of_nltk(caption: str) -> None:
    """Catches tokens that the paper's code would not have."""
    assert words(caption) == NLTKWordTokenizer().tokenize(caption.lower())


def test_a_caption_is_parted_into_words_and_marks() -> None:
    """Catches marks that stick to words, and words cut at a hyphen."""
    assert words("A dog's t-shirt, 1,000 boys don't run.") == [
        "a", "dog", "'s", "t-shirt", ",", "1,000", "boys", "do", "n't", "run", ".",
    ]  # fmt: skip
    assert words(" \n") == []
