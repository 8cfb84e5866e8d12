"""The tokenizer: what goes in comes out, and it has seen no record of a pool."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.data.loaded import Loaded
from telltale.data.texts import tokenizer
from telltale.data.texts.documents import Documents, Preparation, as_objects, as_records
from telltale.data.texts.grouping import is_public
from telltale.data.texts.records import END, PAD, START, TextRecords, text_digests
from telltale.data.texts.tokenizer import BYTES, BytePairs, learned
from telltale.errors import InputError

WORDS = ("heron", "stands", "in", "shallow", "water", "and", "waits", "for", "a", "fish", "that", "never", "comes")


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 8)) + f" {number}" for number in range(count)]


def documents(texts: list[str], **parts: np.ndarray) -> Documents:
    return Documents("some texts", as_objects(texts), **parts)


BYTEWISE, LEARNED = learned([], BYTES, None), learned(sentences(50), 300, None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40), max_size=6))
def test_what_is_encoded_is_decoded(texts: list[str]) -> None:
    """Catches lost spaces, words laid out in another's row, and the names of special tokens read as such tokens."""
    texts = [*texts, "<pad> <end>", "a  b", " a ", "naïve 日本 😀\n\tx"]
    for codec in (BYTEWISE, LEARNED):
        tokens, cut = codec.encode(texts, 400)
        assert codec.decode(tokens) == texts and not cut.any()
        assert (tokens[:, 0] == START).all() and ((tokens == END).sum(1) == 1).all()


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="ab é😀", min_size=1, max_size=30).map(str.strip).filter(bool))
def test_words_looked_up_once_are_the_librarys_own_tokens(text: str) -> None:
    """Catches a shortcut that gives other tokens than the tokenizer.json that is kept."""
    whole = tokenizer._opened(LEARNED.text).encode(text).ids
    assert LEARNED.encode([text], 200).tokens[0].tolist() == [START, *whole, END, *[PAD] * (198 - len(whole))]


@pytest.mark.parametrize(("context", "row", "cut"), [(5, [1, 2, 0], False), (4, [1, 2], False), (3, [1, None], False)])
def test_a_row_is_start_text_end_where_it_fits_then_padding(context: int, row: list[int], cut: bool) -> None:
    """Catches a text cut by one, an end that is not there, and a cut that is not counted; "a" is one token."""
    (tokens,), (was_cut,) = BYTEWISE.encode(["a"], context)
    letter = BYTEWISE.encode(["a"], 9).tokens[0]
    assert letter.tolist()[:4] == [START, letter[1], letter[2], END]  # the space before a word, the word
    expected = [START, letter[1], letter[2], END, PAD][:context]
    assert tokens.tolist() == expected and was_cut == cut
    assert BYTEWISE.encode(["ab"], 3).cut.all()


def test_a_tokenizer_is_the_same_each_time_in_any_order_and_is_kept(tmp_path: Path, monkeypatch) -> None:
    """Catches ties broken by chance, and a kept tokenizer that is another one."""
    texts = sentences(50)
    first = learned(texts, 300, tmp_path)
    assert first == LEARNED == learned(texts[::-1], 300, None) and first.vocabulary == 300
    monkeypatch.setattr(tokenizer, "_learn", lambda *_: pytest.fail("learned again"))
    kept = learned(texts, 300, tmp_path)
    assert kept == first and kept.digest == first.digest
    assert [file.name for file in tmp_path.glob("*.json")] == [f"tokenizer-{first.learned_on}.json"]


def test_a_damaged_one_is_learned_again(tmp_path: Path) -> None:
    """Catches a run that dies of, or uses, what was half written."""
    learned(sentences(50), 300, tmp_path)
    (file,) = tmp_path.glob("*.json")
    file.write_text(file.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    assert learned(sentences(50), 300, tmp_path) == LEARNED


def prepared(texts: list[str], **options: object) -> Loaded[TextRecords]:
    return as_records(documents(texts), Preparation(**{"vocabulary": 290, "public": 0.3, **options}))  # type: ignore[arg-type]


def test_no_record_has_shaped_its_tokenizer() -> None:
    """Catches a challenge point among the public texts: the tokenizer is the same whatever the records are."""
    texts = sentences(200)
    read = prepared(texts)
    public = [text for text in texts if text not in set(read.records.texts.tolist())]
    assert 30 < len(public) < 90 and f"{len(public)} of 200 documents of some texts are public" in read.told[0]
    assert read.records.codec == learned(public, 290, None)
    again = prepared([*texts[:100], *public])  # half of the records are gone
    assert again.records.tokenizer == read.records.tokenizer


def test_the_public_part_is_of_whole_groups_and_hangs_on_the_texts_alone() -> None:
    """Catches an author on both sides, and a share that the order of the documents decides."""
    texts, groups = sentences(300), np.arange(300) // 4
    public = is_public(text_digests(texts), groups, 0.3)
    assert all(len(set(public[groups == group])) == 1 for group in range(75)) and 30 < public.sum() < 180
    order = np.random.default_rng(0).permutation(300)
    moved = is_public(text_digests([texts[row] for row in order]), groups[order] + 7, 0.3)
    np.testing.assert_array_equal(moved, public[order])
    assert not is_public(text_digests(texts), groups, 0).any()


def test_the_empty_the_equal_and_what_is_equal_once_cut_are_counted() -> None:
    """Catches records that were lost without a word, and two rows that no model tells apart."""
    long = "x" * 30
    texts = ["", "one", "  ", "one", f"{long} a", f"{long} b", "two"]
    labels = np.array([0, 0, 1, 1, 0, 1, 1])
    held = replace(documents(texts, labels=labels), classes=("red", "blue"))
    read = as_records(held, Preparation(BYTES, 10, public=0))
    assert read.records.texts.tolist() == ["one", f"{long} a", "two"] and read.records.labels.tolist() == [0, 0, 1]
    assert read.account() == [
        "1 of 7 records equal an earlier one and were left out, 1 of them under another label: the first counts",
        "2 documents are empty and were left out",
        "2 of 4 texts of some texts were cut to 10 tokens",
        "once cut, 1 text of some texts equals an earlier one, which counts, 1 under another label",
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"vocabulary": 5000}, r"dataset\.vocabulary=5000: at most \d+: the \d+ public texts .* fill no more"),
        ({"vocabulary": 258}, "dataset.vocabulary=258: a whole number from 259"),
        ({"public": 0}, r"dataset\.public=0: above 0: .*dataset\.vocabulary=259 \(bytes\) learns nothing"),
        ({"public": 1.0}, "dataset.public=1.0: a share of the documents from 0, below 1"),
        ({"context": 2}, "dataset.context=2: a whole number from 3"),
        ({"tokenizer": "nowhere.json"}, "dataset.tokenizer=nowhere.json: no such file"),
    ],
)
def test_what_will_not_do_is_refused_in_a_line(options: dict[str, object], says: str) -> None:
    """Catches a traceback, and a vocabulary that is smaller than it was said to be."""
    with pytest.raises(InputError, match=says) as refused:
        prepared(sentences(60), **options)
    assert "\n" not in str(refused.value)


def test_a_tokenizer_learned_on_other_data_is_refused(tmp_path: Path) -> None:
    """Catches tokens that a challenge point has shaped, by way of a file that a user gives."""
    own = prepared(sentences(60), cache=str(tmp_path / "own")).records
    prepared(sentences(60, seed=1), cache=str(tmp_path / "other"))
    (mine,), (others,) = ((tmp_path / name).glob("*.json") for name in ("own", "other"))
    assert prepared(sentences(60), tokenizer=str(mine)).records.tokenizer == own.tokenizer
    with pytest.raises(InputError, match=rf"was learned on other data.*{re.escape(mine.name)}"):
        prepared(sentences(60), tokenizer=str(others))


def test_a_codec_opens_in_another_process() -> None:
    """Catches a library object that travels with the records."""
    assert set(vars(BytePairs("{}", "of"))) == {"text", "learned_on"}


def test_no_record_looks_like_a_public_text_once_cut() -> None:
    """Catches a challenge point whose row is that of a text the tokenizer was learned on: all that differs was cut."""
    texts = [f"{number:02d}{'x' * 30} {end}" for number in range(40) for end in "ab"]
    read = as_records(documents(texts), Preparation(BYTES, 10, None, 0.5))
    kept = {text[:2] for text in read.records.texts}
    public = is_public(text_digests(texts), np.arange(80), 0.5)
    of_both = {text[:2] for text, known in zip(texts, public.tolist(), strict=True) if known}
    assert kept == {text[:2] for text in texts} - of_both and len(kept) > 3
    alone = sum(public[0::2] != public[1::2])
    assert f"once cut, {alone} texts equal public ones and were left out" in read.told
    short = [f"{'x' * 30} {number}" for number in range(20)]
    with pytest.raises(InputError, match="holds no document"):
        as_records(documents(short), Preparation(BYTES, 10, None, 0.5))
