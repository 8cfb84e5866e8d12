"""Sentences whose figures are looked up: what is measured stands there, and what cannot be read is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telltale.errors import InputError
from telltale.papers.claims import Verdict
from telltale.papers.judging import judge_all
from telltale.papers.prose import figures_named, filled
from tests.papers.test_claims import claim, results


def test_a_sentence_without_results_has_no_number() -> None:
    """Catches a number made up, or left from earlier, where nothing was measured."""
    tested = judge_all([claim(text="It leaks.", name="leaks", above=0.5)], {})
    text = "{{gin: target/auc}} {{gin: nobody/auc | value}} {{claim leaks}} {{verdict leaks}}"
    assert filled(text, tested, {}) == "– – – cannot tell at this scale"
    assert filled("{{gin: nobody/auc}}", tested, results()) == "–"


def test_a_laws_slope_is_looked_up_and_a_dash_where_cells_are_too_few() -> None:
    """Catches a slope of another attack, and one that is made up."""
    slopes = {"slope lira": (0.5, 0.4, 0.6), "slope loss": None, "sum lira": (0.1, 0.0, 0.2)}
    assert (
        filled("{{slope lira}}, {{slope lira | value}}, {{slope loss}}", [], {}, slopes)
        == "0.500 [0.400, 0.600], 0.500, –"
    )


@pytest.mark.parametrize(
    ("verdict", "adjusted", "said"),
    [
        (Verdict.HOLDS, 0.01, "holds"),
        (Verdict.HOLDS, 0.2, "holds; by Holm it cannot be told"),
        (Verdict.FAILS, 0.2, "does not hold; by Holm it cannot be told"),
        (Verdict.UNKNOWN, None, "cannot tell at this scale"),
    ],
)
def test_a_verdict_says_what_the_number_of_claims_leaves_of_it(
    verdict: Verdict, adjusted: float | None, said: str
) -> None:
    (tested,) = judge_all([claim(text="It leaks.", name="leaks", above=0.5)], {})
    assert filled("{{verdict leaks}}", [replace(tested, verdict=verdict, adjusted=adjusted)], {}) == said


@pytest.mark.parametrize(
    "text",
    [
        "{{slope loss}}",
        "{{slope}}",
        "{{gin target/auc}}",
        "{{gin: target/auc | rounded}}",
        "{{verdict}}",
        "{{claim unknown}}",
        "{{}}",
    ],
)
def test_a_place_that_cannot_be_read_is_refused(text: str) -> None:
    """Catches a typing error that stays on the page in braces, or empties a sentence."""
    with pytest.raises(InputError, match="reading"):
        filled(text, judge_all([claim(text="It leaks.", name="leaks", above=0.5)], results()), results())


def test_what_sentences_ask_is_kept_of_runs() -> None:
    """Catches a page whose sentences lose their figures with the run folders."""
    assert list(figures_named("{{head: a b/auc}} and {{verdict x}} {{all_3.5: c/tpr_at | value}}")) == [
        ("head", "a b", "auc"),
        ("all_3.5", "c", "tpr_at"),
    ]
