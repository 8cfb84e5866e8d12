"""What a person sees of an attack on a captioner: pictures with true and generated captions, and the same as a file."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telltale.data.captions.scenes.reader import load
from telltale.evaluation.captions import repeated
from telltale.evaluation.statistics import Resampling
from telltale.evidence import CaptionMembership
from telltale.reporting import caption_view
from telltale.reporting.outcome import Outcome
from telltale.truth import Truth
from tests.attacks.caption_worlds import flags
from tests.reporting.outcomes import outcome as made_up

POINTS = 20


@pytest.fixture
def outcome() -> Outcome:
    records = flags(POINTS, sources=1)
    members = np.arange(POINTS)[None] < POINTS // 2
    told = tuple(texts[0] if place < 10 else "" for place, texts in enumerate(records.references))
    target = CaptionMembership(np.arange(POINTS, 0, -1.0)[None], 0.5, (told,))
    return made_up(1, POINTS, evidence={"target": target}, challenge=records, membership=members)


def test_the_page_shows_most_and_least_exposed_of_both_kinds(outcome: Outcome) -> None:
    """Catches captions beside the wrong picture, and members among the non-members."""
    shown = caption_view.gallery(outcome.evidence["target"], outcome)
    assert shown is not None and len(shown.cards) == 4 * caption_view.SHOWN
    first, last = shown.cards[0], shown.cards[-1]
    assert first.title == "member, most exposed #1" and first.facts["point"] == "0" and first.png
    assert first.facts["generated"] == outcome.challenge.references[0][0] in first.facts["true"]
    assert last.facts["generated"] == "(nothing)" and int(last.facts["point"]) >= 10


def test_the_page_says_what_of_a_caption_is_right_where_that_is_known(outcome: Outcome) -> None:
    """Catches a caption that is judged by another scene than its own."""
    scenes = load(POINTS, idiosyncrasy=0.0).records
    own = tuple(texts[0] for texts in scenes.references)
    others = (*own[1:], own[0])
    of = {}
    for name, captions in {"own": own, "others": others, "nothing": ("",) * POINTS}.items():
        target = replace(outcome.evidence["target"], captions=(captions,))
        shown = caption_view.gallery(target, replace(outcome, challenge=scenes))
        assert shown is not None and "Right: of the shapes" in shown.caption
        of[name] = [card.facts["right"] for card in shown.cards]
    right = {name: [text.removesuffix(" told").split(" of ") for text in texts] for name, texts in of.items()}
    assert all(first == last != "0" for first, last in right["own"])
    assert not all(first == last for first, last in right["others"]) and set(of["nothing"]) == {"nothing told"}
    emoji = caption_view.gallery(outcome.evidence["target"], outcome)
    assert emoji is not None and "Right:" not in emoji.caption and "right" not in emoji.cards[0].facts


def test_captions_are_kept_with_scores_and_the_truth(outcome: Outcome, tmp_path: Path) -> None:
    """Catches a file that cannot be joined with the scores."""
    caption_view.write(outcome.evidence["target"], outcome, tmp_path)
    rows = list(csv.DictReader((tmp_path / "captions.csv").open(encoding="utf-8")))
    assert [row["member"] for row in rows] == ["1"] * 10 + ["0"] * 10
    assert rows[3]["true"] == rows[3]["generated"] and rows[15]["generated"] == "" and rows[0]["score"] == "20"


def test_a_caption_that_is_a_formula_is_written_as_a_text(outcome: Outcome, tmp_path: Path) -> None:
    """Catches a writer of tables that passes by what is done to cells."""
    target = outcome.evidence["target"]
    formula = replace(target, captions=(("=1+1", *target.captions[0][1:]), *target.captions[1:]))
    caption_view.write(formula, outcome, tmp_path)
    with (tmp_path / "captions.csv").open(encoding="utf-8") as file:
        assert next(csv.DictReader(file))["generated"] == "'=1+1"


def test_members_that_are_repeated_word_by_word_open_a_gap(outcome: Outcome) -> None:
    """Catches members and non-members exchanged, and an empty caption that counts as right."""
    target = outcome.evidence["target"]
    truth = Truth(outcome.membership, (), None, outcome.challenge.references)  # type: ignore[arg-type]
    found = repeated(target.captions, truth, Resampling.over(POINTS, 50, seed=0))
    assert found["rouge_l_non_members"].value == 0 < 0.7 < found["rouge_l_members"].value
    assert found["rouge_l_gap"].value == found["rouge_l_members"].value
    expected = (len(set(target.captions[0][:10])) + 1) / POINTS  # nothing, ten times, is one caption
    assert found["distinct_captions"].value == expected < 0.6


@pytest.mark.parametrize(("said", "low", "high"), [("own", 0.4, 1.0), ("first", -1e-9, 1e-9)])
def test_who_says_the_same_of_every_picture_is_of_no_use(said: str, low: float, high: float) -> None:
    """Catches a defence that leaves a captioner of one caption, called useful because that caption suits many."""
    records = flags(POINTS, sources=1)
    told = tuple(texts[0] if said == "own" else records.references[0][0] for texts in records.references)
    truth = Truth(np.arange(POINTS)[None] < POINTS // 2, (), None, records.references)  # type: ignore[arg-type]
    found = repeated((told,), truth, Resampling.over(POINTS, 50, seed=0))["rouge_l_of_the_picture"]
    assert low <= found.value <= high


def test_what_a_captioner_tells_is_a_share_of_what_a_person_does(outcome: Outcome) -> None:
    """Catches a share of something else: who says of each picture what a person says of it has all of it."""
    references = outcome.challenge.references  # type: ignore[union-attr]
    truth = Truth(outcome.membership, (), None, tuple((first, *rest[:1]) for first, *rest in references))  # type: ignore[arg-type]
    rest = Truth(outcome.membership, (), None, tuple((last, first) for first, last in references))  # type: ignore[arg-type]
    plan = Resampling.over(POINTS, 50, seed=0)
    told, nothing = tuple(first for first, _ in references), ("",) * POINTS
    gain, share = (repeated((told,), truth, plan)[name].value for name in ("rouge_l_of_the_picture", "rouge_l_share"))
    possible = [repeated((told,), Truth(outcome.membership, (), None, tuple((last,) for _, last in references)), plan)]  # type: ignore[arg-type]
    assert share == pytest.approx(gain / possible[0]["rouge_l_of_the_picture"].value) and share > 1
    assert "rouge_l_share" not in possible[0]  # of one reference there is no other
    assert repeated((nothing,), rest, plan)["rouge_l_share"].value == 0


def test_words_that_no_member_has_are_counted() -> None:
    """Catches members' own words among those asked about, and words counted once that occur often."""
    references = (("red cat", "a cat"), ("red dog red", "a sun"), ("blue sun", "a moon"))
    for members, expected in (((True, False, False), 4 / 9), ((True, True, False), 2 / 4)):
        truth = Truth(np.array([members]), (), None, references)  # type: ignore[arg-type]
        found = repeated((("",) * 3,), truth, Resampling.over(3, 50, seed=0))["words_seen"]
        assert found.value == pytest.approx(expected)
