"""Near-equal texts: those that are, those that are not, and pools that hold a group whole."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.data.downstream import OtherSource
from telltale.data.loaded import Loaded
from telltale.data.pools import PoolSizes, deal, of_one_group
from telltale.data.texts import alike as module
from telltale.data.texts.alike import TOGETHER, alike
from telltale.data.texts.documents import Documents, Preparation, as_objects, as_records
from telltale.data.texts.grouping import is_public, joined
from telltale.data.texts.records import TextRecords, text_digests
from telltale.data.texts.tokenizer import BYTES
from telltale.errors import InputError

RNG = np.random.default_rng(0)
LONG = [" ".join(f"w{word}" for word in RNG.integers(0, 5000, 60)) for _ in range(300)]


def runs_of(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[at : at + TOGETHER]) for at in range(max(1, len(words) - TOGETHER + 1))}


def jaccard(one: str, other: str) -> float:
    first, second = runs_of(one), runs_of(other)
    return len(first & second) / len(first | second)


def test_planted_pairs_are_found_and_no_others() -> None:
    """Catches near-equal texts that are missed, and texts thrown together by a chance hash."""
    changed = [f"{text} and so on" for text in LONG[:100]]
    assert all(jaccard(*pair) > 0.9 for pair in zip(LONG, changed, strict=False))
    groups = alike([*LONG, *changed], 0.8)
    assert (groups[:100] == groups[300:]).all() and len(np.unique(groups)) == 300


def test_texts_that_are_near_equal_to_one_of_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a text near-equal to one of its own kind, one that is missed, and a sieve that lets all through."""
    changed = [f"{text} and so on" for text in LONG[:40]]
    half = [" ".join([*text.split()[:30], *other.split()[30:]]) for text, other in pairwise(LONG[:40])]
    texts, others = [*changed, *half, *LONG[200:], *(f"{text} again" for text in LONG[200:])], LONG[:200]
    expected = np.arange(len(texts)) < len(changed)
    compared: list[int] = []

    def counted(few: list[str], least: float) -> np.ndarray:
        compared.append(len(few))
        return alike(few, least)

    monkeypatch.setattr(module, "alike", counted)
    assert np.array_equal(module.alike_to(texts, others, 0.8), expected)
    assert compared == [40 + 39 + 40, 38 + 39]  # halves of two, beside those they are of; then beside those found
    assert not module.alike_to(texts, [], 0.8).any() and not len(module.alike_to([], others, 0.8))


@pytest.mark.parametrize("others", [100, 300])
def test_a_pair_is_found_in_a_crowd_that_shares_its_form(others: int) -> None:
    """Catches pairs that are never compared, as others agree in their bands by chance: each stands beside these."""
    missed = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        form = [f"w{word}" for word in rng.integers(0, 1 << 40, 102)]
        own = [[f"w{word}" for word in rng.integers(0, 1 << 40, 15)] for _ in range(others + 2)]
        pair = [" ".join([*form, *own[0][:3], *own[side][3:13]]) for side in (0, 1)]
        crowd = [" ".join([*form, *words]) for words in own[2:]]
        assert jaccard(*pair) > 0.83 and max(jaccard(pair[0], other) for other in crowd) < 0.79
        texts = [*crowd, pair[0], *LONG, pair[1]]
        order = rng.permutation(len(texts))
        groups = np.empty(len(texts), np.int64)
        groups[order] = alike([texts[row] for row in order.tolist()], 0.8)
        missed += int(groups[others] != groups[-1])
        assert len(np.unique(groups)) >= len(texts) - 1  # and nobody else is near
    assert not missed


@pytest.mark.parametrize("least", [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_pairs_just_above_any_threshold_are_found(least: float) -> None:
    """Catches bands that are made for one threshold: at a lower one most pairs would never be compared."""
    kept = 2 + math.ceil(116 * least / (1 + least))  # of 60 words, in 58 runs each: J = (kept - 2) / (118 - kept)
    words = [text.split() for text in LONG]
    changed = [[*of_text[:kept], *(f"{at}x{word}" for word in range(60 - kept))] for at, of_text in enumerate(words)]
    pairs = list(zip(LONG, map(" ".join, changed), strict=True))
    shares = np.array([jaccard(*pair) for pair in pairs])
    assert least <= shares.min() and shares.max() < least + 0.03
    groups = alike([text for pair in pairs for text in pair], least)
    assert (groups[::2] == groups[1::2]).mean() >= 0.99 and len(np.unique(groups)) >= len(LONG)


def test_texts_are_near_others_through_texts_of_either() -> None:
    """Catches a text that is near only to one that is near: within one data set the three would be one group."""
    words = LONG[0].split() + LONG[1].split()[:40]
    more, most = LONG[2].split()[:10], LONG[3].split()[:10]
    other, between, far = words, [*words[:90], *more], [*most, *words[10:90], *more]
    texts = [" ".join(text) for text in (far, between)]
    assert jaccard(texts[0], " ".join(other)) < 0.8
    assert module.alike_to(texts, [" ".join(other)], 0.8).all() and len(set(alike([*texts, " ".join(other)], 0.8))) == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="ab ", max_size=12), min_size=1, max_size=12))
def test_texts_of_equal_words_are_one_group_and_a_group_is_held_together_by_near_pairs(texts: list[str]) -> None:
    """Catches short and empty texts that are laid out wrong; a group without a single near pair is no group."""
    groups = alike(texts, 0.8)
    for at, one in enumerate(texts):
        same = [other for place, other in enumerate(texts) if place != at and groups[place] == groups[at]]
        assert not same or max(jaccard(one, other) for other in same) >= 0.8
        assert all(groups[place] == groups[at] for place, other in enumerate(texts) if other.split() == one.split())


def test_groups_of_either_kind_are_joined() -> None:
    """Catches an author whose near-equal text by another author goes to another pool."""
    groups = joined(np.array([5, 5, 7, 8, 9]), np.array([0, 1, 1, 2, 3]))
    assert groups[0] == groups[1] == groups[2] and len(np.unique(groups)) == 3


def letters(authors: np.ndarray, order: np.ndarray | None = None, **options: object) -> Loaded[TextRecords]:
    held = Documents("letters", as_objects([f"letter {at}" for at in range(len(authors))]), groups=authors)
    held = held if order is None else held.take(order)
    return as_records(held, Preparation(**{"vocabulary": BYTES, "near_equal": None, "public": 0, **options}))  # type: ignore[arg-type]


def records_of_authors(authors: np.ndarray) -> TextRecords:
    return letters(authors).records


@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_in_two_pools(seed: int) -> None:
    """Catches an author both among the challenge points and among the attacker's own records."""
    records = records_of_authors(np.random.default_rng(1).geometric(0.02, 400))
    pools = deal(records, PoolSizes(members=40, non_members=40, auxiliary=60, test=50, population=50), seed)
    parts = [getattr(pools, name) for name in ("challenge", "auxiliary", "test", "population")]
    assert [len(part) for part in parts] == [80, 60, 50, 50]
    authors = [set(part.groups.tolist()) for part in parts]
    assert sum(map(len, authors)) == len(set.union(*authors))
    assert len({text for part in parts for text in part.texts}) == 240


def test_pools_that_are_mostly_of_one_author_are_named() -> None:
    """Catches a control of 250 mails of which one sender wrote 150, without a word."""
    records = records_of_authors(np.concatenate([np.full(100, 1000), np.arange(100)]))
    sizes = PoolSizes(members=20, non_members=20, auxiliary=40, population=4)
    said = [of_one_group(deal(records, sizes, seed)) for seed in range(40)]
    held = [line for lines in said for line in lines]
    assert {line.split(" are in one group")[0].split()[-1] for line in held} == {"challenge", "auxiliary"}
    few = records_of_authors(np.arange(200))
    assert of_one_group(deal(few, sizes, 0)) == []


AUTHORS = np.concatenate([np.full(100, 1000), np.full(31, 1001), np.full(30, 1002), np.arange(70)])


def test_no_fine_tuning_text_is_near_equal_to_one_of_pre_training() -> None:
    """Catches a mail quoted in another data set, on which a classifier is tuned while it is asked about."""

    def read(texts: list[str], source: str) -> Loaded[TextRecords]:
        labels = np.arange(len(texts)) % 2
        documents = Documents(source, as_objects(texts), labels=labels, classes=("a", "b"))
        return as_records(documents, Preparation(BYTES, 500, 0.8, 0))

    ours, theirs = read(LONG[:60], "ours"), read([f"{text} and so on" for text in LONG[40:100]], "theirs")
    transfer = OtherSource(theirs, drop_shared=True).transfer(ours.records)
    assert sorted(transfer.downstream.texts) == sorted(f"{text} and so on" for text in LONG[60:100])
    assert any("20 of the other 60 records of theirs are near-equal to texts of ours" in line for line in transfer.told)
    sizes = PoolSizes(members=20, non_members=20, auxiliary=20, finetune=50)
    with pytest.raises(InputError, match=r"of its fine-tuning texts are near-equal to challenge points"):
        OtherSource(theirs).transfer(ours.records).deal(sizes, 0)


def test_nor_as_far_as_a_model_sees_them() -> None:
    """Catches twins whose ends differ, which no model sees."""

    def text_of(place: int, end: int, other: str) -> str:
        words = LONG[place].split()[:50]
        return " ".join([*words[:20], other, *words[21:], *(f"{word}{end}" for word in "abcdefgh" * 12)])

    def read(texts: list[str], source: str) -> Loaded[TextRecords]:
        labels = np.arange(len(texts)) % 2
        documents = Documents(source, as_objects(texts), labels=labels, classes=("a", "b"))
        return as_records(documents, Preparation(BYTES, 240, 0.8, 0))

    ours = read([text_of(place, place, "ours") for place in range(40)], "ours")
    theirs = read([text_of(place, place + 99, "theirs") for place in range(20, 60)], "theirs")
    transfer = OtherSource(theirs, drop_shared=True).transfer(ours.records)
    assert len(transfer.downstream) == 20
    assert any("20 of the other 40 records of theirs are near-equal" in line for line in transfer.told)


def test_of_an_author_at_most_so_many_texts_are_kept_and_the_others_are_counted() -> None:
    """Catches a pool that is one author's, authors of few texts that lose some, and texts lost without a word."""
    read = letters(AUTHORS, most_per_group=30)
    numbers = np.array([int(text.split()[1]) for text in read.records.texts.tolist()])
    kept = np.bincount(AUTHORS[numbers], minlength=1003)
    assert kept[1000:].tolist() == [30, 30, 30] and kept[:70].tolist() == [1] * 70
    assert (np.diff(numbers) > 0).all() and numbers[:30].tolist() != list(range(30))
    fate = "of more than 30 (one author, near-equal texts) were left out (dataset.most_per_group)"
    assert read.told == (f"71 texts of 2 groups {fate}",)
    assert letters(AUTHORS, most_per_group=100).told == () == letters(AUTHORS).told
    sizes = PoolSizes(members=15, non_members=15, auxiliary=20, test=20)
    assert not any(of_one_group(deal(letters(AUTHORS, most_per_group=10).records, sizes, seed)) for seed in range(9))


def test_which_texts_of_an_author_are_kept_hangs_on_the_texts_alone() -> None:
    """Catches texts chosen by the order of files, or a choice that changes what is public."""
    order = np.random.default_rng(0).permutation(len(AUTHORS))
    kept = [letters(AUTHORS, row, most_per_group=7).records.texts.tolist() for row in (None, order)]
    assert kept[0] != kept[1] and set(kept[0]) == set(kept[1])
    fewer = letters(AUTHORS, most_per_group=3).records.texts.tolist()
    assert set(fewer) < set(kept[0])
    private = [letters(AUTHORS, None, public=0.3, most_per_group=most).records.texts.tolist() for most in (None, 7)]
    assert set(private[1]) == set(private[0]) & set(kept[0])


@pytest.mark.parametrize("most", [0, -3, 2.5, True, "many"])
def test_fewer_than_one_text_of_a_group_is_refused(most: object) -> None:
    """Catches a data set of nothing, and a traceback."""
    with pytest.raises(InputError, match=rf"dataset\.most_per_group={most}: a whole number from 1, or null"):
        Preparation(most_per_group=most)  # type: ignore[arg-type]


def test_too_few_groups_are_refused_with_the_reason() -> None:
    """Catches pools that are smaller than was asked for."""
    records = records_of_authors(np.repeat(np.arange(4), 25))
    with pytest.raises(InputError, match=r"has 100 in 4 groups .* a group is in one pool only"):
        deal(records, PoolSizes(members=20, non_members=20, auxiliary=51), 0)


def test_near_equal_documents_are_counted_and_in_one_group() -> None:
    """Catches a near-equal text that is neither said nor kept with its twin."""
    texts = as_objects([*LONG[:5], f"{LONG[0]} indeed", LONG[1].upper()])
    read = as_records(Documents("letters", texts), Preparation(BYTES, 400, 0.8, 0))
    assert read.told == ("2 documents are near-equal to an earlier one and in one group with it, so in the same pool",)
    groups = read.records.groups
    assert groups[0] == groups[5] and groups[1] == groups[6] and len(np.unique(groups)) == 5


def pairs_of_authors() -> TextRecords:
    """Return 200 letters of 40 authors, in pairs that are near-equal."""
    texts = [text + end for text in LONG[:100] for end in ("", " and so on")]
    held = Documents("letters", as_objects(texts), groups=np.arange(200) // 5 // 2)
    return as_records(held, Preparation(BYTES, 500, 0.8, 0)).records


@pytest.mark.parametrize("seed", range(4))
def test_no_two_challenge_records_are_near_equal(seed: int) -> None:
    """Catches a member whose near-equal twin is none, which no attack can tell apart; other pools hold both."""
    records = pairs_of_authors()
    pools = deal(records, PoolSizes(members=12, non_members=12, auxiliary=40), seed)
    assert pools.challenge.near is not None and len(np.unique(pools.challenge.near)) == len(pools.challenge) == 24
    assert pools.auxiliary.near is not None and len(np.unique(pools.auxiliary.near)) == 20
    assert not np.isin(pools.auxiliary.near, pools.challenge.near).any()
    assert len(set(pools.challenge.groups.tolist())) == 5  # ten letters each, five of them too many
    (said,) = pools.told
    passed = int(said.split()[0])
    assert 20 <= passed <= 24 and "near-equal to another" in said


def test_deals_without_near_equal_records_are_as_they_were() -> None:
    """Catches a rule for near-equal records that moves others."""
    records = records_of_authors(np.random.default_rng(1).geometric(0.02, 400))
    sizes = PoolSizes(members=40, non_members=40, auxiliary=60, test=50, population=50)
    dealt = [deal(replace(records, near=near), sizes, 5) for near in (None, np.arange(400))]
    for name in ("challenge", "auxiliary", "test", "population"):
        one, other = (getattr(pools, name).texts.tolist() for pools in dealt)
        assert one == other
    assert dealt[0].told == dealt[1].told == ()
    expected = np.random.default_rng(5).permutation(300)[:80]
    alone = records_of_authors(np.arange(300))
    assert deal(alone, sizes, 5).challenge.texts.tolist() == alone.take(expected).texts.tolist()


def test_texts_that_are_near_equal_once_cut_are_one_group() -> None:
    """Catches a member and another that a model cannot tell apart: only what was cut made them unlike."""
    start, ends = " ".join(LONG[0].split()[:40]), [" ".join(text.split()[:30]) for text in LONG[1:4]]
    texts = [f"{start} {ends[0]}", LONG[5], f"Well, {start} {ends[1]}", f"{start[:12]} {ends[2]}"]
    whole = as_records(Documents("letters", as_objects(texts)), Preparation(BYTES, 600, 0.8, 0)).records
    assert len(set(whole.groups.tolist())) == 4
    read = as_records(Documents("letters", as_objects(texts)), Preparation(BYTES, 200, 0.8, 0))
    assert read.told[1:] == ("once cut, 1 more text is near-equal to an earlier one and in one group with it",)
    assert read.records.near is not None and read.records.near.tolist() == read.records.groups.tolist() == [0, 1, 0, 2]
    alone = as_records(Documents("letters", as_objects(texts)), Preparation(BYTES, 200, None, 0))
    assert len(set(alone.records.groups.tolist())) == 4


def test_no_record_is_near_equal_to_a_public_text_once_cut() -> None:
    """Catches a challenge point that the tokenizer has seen but for a word."""
    starts = [" ".join(text.split()[:40]) for text in LONG[:40]]
    ends = iter(LONG[50:])
    texts = [f"{word} {start} {next(ends)}" for start in starts for word in ("A", "The")]
    public = is_public(text_digests(texts), np.arange(80), 0.5)
    read = as_records(Documents("letters", as_objects(texts)), Preparation(BYTES, 200, 0.8, 0.5))
    of_either = public[0::2] | public[1::2]
    left_out = int(2 * of_either.sum() - public.sum())
    assert len(read.records) == 80 - public.sum() - left_out and left_out > 5 and len(read.records) > 5
    assert f"once cut, {left_out} texts are near-equal to public ones and were left out" in read.told
    whole = as_records(Documents("letters", as_objects(texts)), Preparation(BYTES, 600, 0.8, 0.5))
    assert len(whole.records) == 80 - public.sum()


def test_a_whole_text_that_is_all_a_public_one_has_left_is_no_record() -> None:
    """Catches texts compared with public ones only where they are cut themselves."""
    for one, more in zip(LONG[:100], LONG[100:], strict=False):
        start, other = (" ".join(one.split()[part]) for part in (slice(30), slice(30, 40)))
        texts = [f"A {start}", f"{start} {more}", other]
        if is_public(text_digests(texts), np.arange(3), 0.5).tolist() == [False, True, False]:
            break
    read = as_records(Documents("letters", as_objects(texts)), Preparation(BYTES, len(texts[0]) + 2, 0.8, 0.5))
    assert read.records.texts.tolist() == texts[2:]
    assert read.told[1:] == ("once cut, 1 text is near-equal to a public one and was left out",)
