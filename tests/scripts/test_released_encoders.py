"""Released encoders as targets: what the page says is what was ranked, and no figure is taken for a leak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.released_encoders.page import agreement_table, figure, page, ranking_table, tuning_table
from scripts.released_encoders.ranking import LISTED, SCORERS, Ranked, Rankings, agreement, of_scores
from scripts.released_encoders.tuning import SIZES, Start, Tuned, run_of, starts
from telltale.papers.results import Measured


def ranked(name: str, scorer: str, order: np.ndarray, mixing: float | None = 0.4) -> Ranked:
    return Ranked(name, scorer, 0.6, 0.2, 33.3, None if mixing is None else np.full(len(order), mixing), order)


def rankings() -> Rankings:
    rng, straight = np.random.default_rng(0), np.arange(1000)
    names = {"gcn_contextpred": straight, "gat_contextpred": straight, "gcn, untrained": rng.permutation(1000)}
    every = [
        ranked(name, scorer, order, None if scorer == "fixed" else 0.54)
        for scorer in SCORERS
        for name, order in names.items()
    ]
    return Rankings(every, ranked("no encoder", "blind", straight, None), 1000, 0.25)


def test_equal_rankings_agree_and_random_ones_do_not() -> None:
    """Catches an agreement of scores' units, and pairs that are counted to another kind."""
    found = agreement(rankings().of("paper"))
    assert found["both trained"] == pytest.approx((1.0, 1.0))
    assert found["one trained, one not"] == pytest.approx((0.0, LISTED / 1000), abs=0.1)
    assert set(found) == {"both trained", "one trained, one not"}


def test_figures_are_of_what_the_attacker_has_not() -> None:
    """Catches candidates of the attacker's own among the hits, and ranks upside down."""
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    hits, novel = np.array([1, 1, 0, 0, 1, 0], bool), np.array([0, 1, 1, 1, 1, 1], bool)
    area, precision, order = of_scores(scores, hits, novel)
    assert area == pytest.approx(4 / 6) and precision == pytest.approx(2 / 5)
    assert order.tolist() == [0, 1, 2, 3, 4, 5]


def test_the_page_calls_nothing_a_leak_of_pre_training() -> None:
    """Catches a precision against molecules that nobody has."""
    one = Measured(0.7, 0.6, 0.8)
    task = {"train_accuracy": 0.99, "accuracy": 0.85}
    areas = {"lira": one, "rmia": one}
    tuned = [
        Tuned(Start("gcn_contextpred", "gcn", Path("x")), areas, one, Measured(0.5), task, "leaks"),
        Tuned(Start("gcn, fresh", "gcn", None), {"lira": Measured(0.6)}, one, one, {**task, "accuracy": 0.8}, ""),
    ]
    text = page(rankings(), tuned, "small")
    assert all(row[2] == "not available" for row in ranking_table(rankings())[1:])
    assert tuning_table(tuned)[1][:3] == ["gcn contextpred", "0.99 / 0.85", "0.700 [0.60, 0.80]"]
    assert "gcn contextpred: LiRA 0.700 against 0.600 from fresh weights; test accuracy +0.050" in text
    assert "Nothing was fine-tuned" in page(rankings(), [], "small")
    assert len(agreement_table(rankings())) == 1 + 2 * len(SCORERS) and len(figure(rankings()).axes) == 2


def test_every_encoder_is_a_start_and_each_kind_has_a_fresh_one(tmp_path: Path) -> None:
    """Catches an encoder that is compared with another kind's fresh weights, and a run found for other weights."""
    for name in ("gcn_contextpred", "gat_contextpred", "gcn_supervised"):
        (tmp_path / f"{name}.safetensors").write_bytes(name.encode())
    begun = starts(tmp_path)
    assert {(one.name, one.weights is None) for one in begun} >= {("gcn, fresh", True), ("gat, fresh", True)}
    assert len(begun) == 5 and begun[-1].kind == "gat"
    before = run_of(begun[0], "small", tmp_path, tmp_path).made_by
    (tmp_path / f"{begun[0].name}.safetensors").write_bytes(b"other")
    assert begun[0].weights is not None and run_of(begun[0], "small", tmp_path, tmp_path).made_by != before
    assert set(SIZES) == {"smoke", "small"}
