"""The words of captions as numbers."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from telltale.data.captions.vocabulary import END, PAD, START, UNKNOWN, Vocabulary, vocabulary_of
from telltale.data.captions.words import words
from telltale.errors import InputError


def test_words_below_the_count_are_unknown() -> None:
    """Catches a cut at another count, and words that depend on the order of records."""
    captions = [("A red cat", "a cat"), ("a dog",)]
    found = vocabulary_of(captions, 2)
    assert found.words == ("<pad>", "<start>", "<end>", "<unk>", "a", "cat")
    assert found == vocabulary_of(captions[::-1], 2) and len(found) == 6
    assert found.row(captions[0][0]) == [START, 4, UNKNOWN, 5, END]


def test_the_same_captions_by_another_vendor_change_no_word() -> None:
    """Catches a model that depends on whether a second vendor's pictures were read too."""
    captions = (("a red cat", "a cat"), ("a dog",))
    assert vocabulary_of(captions * 2, 2) == vocabulary_of(captions, 2)


def test_rows_are_written_as_the_captions_they_are() -> None:
    """Catches an end that is written out, and text beyond it."""
    known = Vocabulary("cat red the")
    rows = known.rows([("cat", "the red cat"), ("cat",)])
    assert rows[1].tolist() == [[START, 4, END, PAD, PAD], [PAD] * 5]
    assert known.texts(rows[0, :, 1:]).tolist() == ["cat", "the red cat"]
    assert known.rows([], 7).shape == (0, 0, 7)
    assert known.texts(np.array([[END, 4], [4, 4]])).tolist() == ["", "cat cat"]


def test_a_told_caption_with_an_unknown_word_is_read_again_as_it_was() -> None:
    """Catches <unk> parted into three marks, which would be other words than the captioner wrote."""
    assert Vocabulary("cat red").row("red <unk> cat") == [START, 5, UNKNOWN, 4, END]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("हिन्दी शब्द", ["हिन्दी", "शब्द"]),
        ("שָׁלוֹם עולם.", ["שָׁלוֹם", "עולם", "."]),
        ("le cafe\u0301, naïve", ["le", "caf\xe9", ",", "naïve"]),
        ("नमस्ते–क्\u200dष", ["नमस्ते", "–", "क्\u200dष"]),
        ("a \u2764\ufe0f!", ["a", "\u2764\ufe0f", "!"]),
        ("don’t o’clock", ["do", "n't", "o'clock"]),
    ],
)
def test_a_letter_keeps_its_marks(text: str, parts: list[str]) -> None:
    """Catches Hindi and pointed Hebrew cut at each sign, and é that is another word than é."""
    assert words(text) == [unicodedata.normalize("NFC", part) for part in parts]


def test_a_count_out_of_range_is_refused() -> None:
    """Catches a list of all words by mistake."""
    with pytest.raises(InputError, match=r"^model\.least_count=0"):
        vocabulary_of([("a",)], 0)
