"""WordNet's glosses: what comes along, and the files that it came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telltale.data.downstream import OtherClasses, OtherRecords, OtherSource
from telltale.data.pools import PoolSizes
from telltale.data.texts import wordnet
from telltale.data.texts.tokenizer import BYTES
from telltale.errors import InputError

READ = wordnet.load(vocabulary=512, context=16)
RECORDS = READ.records
HEAD = "  1 This software and database is being provided to you, the LICENSEE, by  \n"
LINES = (
    "00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 | that which is perceived  \n"
    '00001930 18 n 01 singer 0 001 @ 00001740 n 0000 | a person who sings; "a | bar"  \n'
    "this is no line of such a file\n"
    "00001930 99 n 01 singer 0 001 @ 00001740 n 0000 | of no lexicographer file\n"
)


def test_what_comes_along_is_what_it_was_made_as() -> None:
    """Catches a slice that lost glosses or labels on the way."""
    assert READ.lines == 16_719 and READ.duplicates == 0 and not READ.invalid
    assert 8_000 < len(RECORDS) < 16_719 and len(RECORDS.classes) == 45
    for gloss, name in (("any of various small breeds of fowl", "noun.animal"), ("be in an awkward position", "verb")):
        found = [row for row, text in enumerate(RECORDS.texts.tolist()) if text.startswith(gloss)]
        assert all(RECORDS.classes[RECORDS.labels[row]].startswith(name) for row in found)
    assert np.bincount(RECORDS.labels, minlength=45).min() > 0
    assert (RECORDS.shown == RECORDS.texts).all()


def test_files_of_ones_own_are_read_and_bad_lines_listed(tmp_path: Path) -> None:
    """Catches the licence read as a gloss, a gloss cut at a bar, and a bad line that ends the reading."""
    (tmp_path / "data.noun").write_text(HEAD + LINES, encoding="utf-8")
    read = wordnet.load(root=str(tmp_path), vocabulary=BYTES, public=0)
    assert read.records.texts.tolist() == ["that which is perceived", 'a person who sings; "a | bar"']
    assert [read.records.classes[label] for label in read.records.labels] == ["noun.Tops", "noun.person"]
    assert [(bad.line, bad.reason) for bad in read.invalid] == [
        (line, "is no line of a WordNet data file") for line in (4, 5)
    ]
    assert "data.verb, data.adj, data.adv of WordNet not there: 1 of 4 files were read" in read.told
    foreign = (HEAD + LINES).encode() + "00001 03 n 01 caf\xe9 0 000 | a caf\xe9 is perceived\n".encode("latin-1")
    (tmp_path / "data.noun").write_bytes(foreign)
    *_, bad = wordnet.load(root=str(tmp_path), vocabulary=BYTES, public=0).invalid
    assert bad.reason == "is not UTF-8" and bad.line == foreign.count(b"\n")
    with pytest.raises(InputError, match="expected a folder with WordNet"):
        wordnet.load(root=str(tmp_path.parent / tmp_path.name / ".."))


SIZES = PoolSizes(members=40, non_members=40, auxiliary=40, finetune=30, finetune_test=30)


@pytest.mark.parametrize("task", [OtherRecords(), OtherClasses(), OtherClasses([4, 5, 6])])
def test_a_transfer_within_one_data_set_needs_no_other_tokens(task: OtherRecords | OtherClasses) -> None:
    """Catches classes of both parts in one, and texts that are tokenised twice."""
    pools = task.transfer(RECORDS).deal(SIZES, seed=0)
    assert pools.finetune.tokenizer == pools.challenge.tokenizer == RECORDS.tokenizer
    if isinstance(task, OtherClasses):
        assert not set(pools.finetune.classes) & set(pools.challenge.classes)
    assert not set(pools.finetune.texts) & set(pools.challenge.texts)


def test_an_author_of_pre_training_is_not_fine_tuned_on() -> None:
    """Catches a sender in two pools where classes part the data set."""
    marked = replace(RECORDS, groups=np.arange(len(RECORDS)) // 2 * (RECORDS.labels != 4))
    transfer = OtherClasses([4, 5, 6]).transfer(marked)
    assert not set(transfer.pretraining.groups) & set(transfer.downstream.groups)
    assert "near-equal to texts, of pre-training, and were left out" in transfer.told[0]


def test_another_data_set_is_tokenised_by_that_of_pre_training() -> None:
    """Catches tokens of two tokenizers in one model, whose numbers mean different words."""
    other = wordnet.load(context=None)
    assert len(other.records) == 16_719 and other.records.tokenizer == "" and other.records.codec is None
    transfer = OtherSource(other, drop_shared=True).transfer(RECORDS)
    made = transfer.downstream
    assert (made.tokenizer, made.vocabulary, made.shape) == (RECORDS.tokenizer, 512, (16,))
    rows = np.arange(5)
    np.testing.assert_array_equal(made.tokens[rows], RECORDS.codec.encode(made.texts[rows].tolist(), 16).tokens)
    assert not set(made.texts) & set(RECORDS.texts)  # what is left are the public ones
    assert any(line.endswith("were cut to 16 tokens") for line in transfer.told)


def test_texts_without_tokens_of_their_own_come_back_from_the_cache(tmp_path: Path) -> None:
    """Catches a downstream data set that is parsed anew with each run, and a tokenizer that would be ignored."""
    (tmp_path / "data.noun").write_text(HEAD + LINES, encoding="utf-8")
    first, again = (wordnet.load(root=str(tmp_path), context=None, cache=str(tmp_path / "cache")) for _ in range(2))
    assert again.records.texts.tolist() == first.records.texts.tolist() and again.records.codec is None
    assert len(list((tmp_path / "cache").glob("records-*.npz"))) == 1
    with pytest.raises(InputError, match="is tokenised by the tokenizer of pre-training"):
        wordnet.load(context=None, tokenizer="tokenizer.json")
