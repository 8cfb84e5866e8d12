"""What captions allow before any model is asked, by hand and on captions that say nothing, all, or one thing."""

from __future__ import annotations

import numpy as np
import pytest

from telltale.data.captions.scenes.reader import load
from telltale.evaluation import caption_limits
from telltale.evaluation.caption_limits import CARRIED, carried
from telltale.evaluation.statistics import Resampling
from telltale.reporting.metrics_file import metrics_document
from telltale.reporting.sentences import data_sentence
from telltale.truth import Truth


def of(references: tuple[tuple[str, ...], ...], *members: tuple[int, ...]) -> dict[str, float]:
    membership = np.array([[row in inside for row in range(len(references))] for inside in members])
    truth = Truth(membership, (), None, references)  # type: ignore[arg-type]
    plan = Resampling.crossed(len(members), len(references), 50, seed=0)
    return {name: found.value for name, found in carried(truth, plan).items()}


def test_values_worked_out_by_hand() -> None:
    """Catches the best of the picture's own captions, members asked about, and a mean over different captions only."""
    references = (("a red cat", "a red cat"), ("one dog",), ("a red dog", "red dog"))
    found = of(references, (0, 1))
    assert found["words_seen"] == pytest.approx(1.0)
    of_cat, of_dog = (4 / 6 + 2 / 5) / 2, (2 / 5 + 2 / 4) / 2
    assert found["rouge_l_oracle"] == pytest.approx(of_cat)
    assert found["rouge_l_random"] == pytest.approx((2 * of_cat + of_dog) / 3)
    assert found["rouge_l_person"] == pytest.approx(4 / 5)
    assert tuple(found) == CARRIED


def test_each_victim_has_captions_of_its_own_members() -> None:
    """Catches the members of one victim under another's name: together they are the mean of each by itself."""
    references = (("a b c",), ("a b d",), ("a e f",), ("g h",))
    one, other = of(references, (0, 1)), of(references, (2, 3))
    both = of(references, (0, 1), (2, 3))
    assert both["rouge_l_oracle"] == pytest.approx((one["rouge_l_oracle"] + other["rouge_l_oracle"]) / 2)
    assert "rouge_l_person" not in both


def test_who_has_every_caption_already_is_told_so() -> None:
    """Catches a ceiling that is none: of members' captions some are those of the others, word for word."""
    found = of((("a b",), ("c d",), ("a b",), ("c d",)), (0, 1))
    assert found["rouge_l_oracle"] == found["words_seen"] == 1 and found["rouge_l_random"] == 0.5


def test_captions_that_nobody_knows_allow_nothing_to_be_said() -> None:
    """Catches a number of records that have no captions, and a sentence without one."""
    assert of(((), (), ()), (0,)) == {} and of((), (0,)) == {} and data_sentence({}) == ""


def test_few_of_many_others_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a sample of the first ones, or one whose interval is that of all: here every second is alike."""
    references = tuple((text, text) for text in ["a b c"] * 3 + ["a b c", "x y z"] * 30)
    whole = of(references, (0, 1, 2))
    monkeypatch.setattr(caption_limits, "ASKED", 20)
    assert of(references, (0, 1, 2))["rouge_l_oracle"] == pytest.approx(whole["rouge_l_oracle"], abs=0.11)


def test_scenes_allow_more_than_emoji_do() -> None:
    """Catches scenes with words that members never have; they are said first, and stand first in the file."""
    records = load(pictures=400, cache=None).records
    membership = np.arange(400)[None] < 200
    truth = Truth(membership, (), None, records.references)  # type: ignore[arg-type]
    found = carried(truth, Resampling.over(400, 200, seed=0))
    assert found["words_seen"].value > 0.9
    assert found["rouge_l_random"].high < found["rouge_l_person"].low < found["rouge_l_oracle"].high
    assert all(estimate.low < estimate.value < estimate.high for estimate in found.values())
    told = data_sentence(found)
    assert "in a member's; ROUGE-L of the best member's caption" in told and "one true caption against" in told
    assert next(iter(metrics_document({}, answer=1, data=found))) == "data" and "data" not in metrics_document({})
