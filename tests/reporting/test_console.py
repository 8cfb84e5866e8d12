from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from telltale.evaluation.extraction import LeakageEstimate
from telltale.evaluation.statistics import Estimate
from telltale.reporting.console import print_summary, print_sweep_table
from telltale.reporting.sentences import interval, leakage_sentence, verdict
from telltale.reporting.summary import Heading, Summary


def estimate(value: float, low: float, high: float, note: str = "") -> Estimate:
    return Estimate(
        value,
        np.linspace(low - 0.025 * (high - low) / 0.95, high + 0.025 * (high - low) / 0.95, 1001),
        9,
        note,
    )


def summary_of(target: dict[str, Estimate], **rivals: dict[str, Estimate]) -> Summary:
    return Summary(
        heading=Heading("a", "b", "c", "d", "e", "f"),
        headlines=list(target),
        evidence={"target": target, **rivals},
        roles={"target": "target"} | dict.fromkeys(rivals, "rival"),
    )


def printed(width: int = 140) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, width=width), stream


def test_an_interval_reads_as_a_person_expects() -> None:
    assert interval(estimate(0.512, 0.48, 0.54)) == "0.512 [0.48, 0.54]"
    assert interval(estimate(0.0, -0.001, 0.001)) == "0.000 [0.00, 0.00]"  # and not "-0.00"
    assert interval(Estimate.exact(2860, 2860)) == "2,860"
    assert interval(None) == interval(Estimate.exact(float("nan"), 0)) == "–"


def test_small_numbers_keep_the_digit_that_shows_their_width() -> None:
    assert interval(estimate(0.009, 0.005, 0.014)) == "0.009 [0.005, 0.014]"  # and not [0.01, 0.01]
    assert interval(estimate(0.001, 0.0, 0.004)) == "0.001 [0.000, 0.004]"  # its value would lie outside [0.00, 0.00]
    assert interval(estimate(0.077, 0.051, 0.094)) == "0.077 [0.05, 0.09]"


@pytest.mark.parametrize(
    ("low", "note", "word"),
    [(0.51, "", "leaks"), (0.49, "", "no evidence"), (0.6, "cannot tell: 5 of 300", "cannot tell: 5 of 300")],
)
def test_verdict_words(low: float, note: str, word: str) -> None:
    assert verdict(estimate(0.6, low, 0.7, note)) == word


def test_a_number_without_interval_cannot_tell() -> None:
    assert verdict(Estimate.exact(0.9, 3)).startswith("cannot tell")


def test_leakage_says_over_which_control_and_whether() -> None:
    assert leakage_sentence(LeakageEstimate(0.1, 0.02, 0.2, 9, "disjoint")).endswith(
        "over disjoint: above every control"
    )
    assert leakage_sentence(LeakageEstimate(-0.1, -0.2, 0.0, 9, "chance")) == (
        "-0.100 [-0.20, 0.00] over chance: not above the control"
    )


def test_the_summary_holds_every_row_and_every_line() -> None:
    console, stream = printed()
    row = {"auc": estimate(0.6, 0.55, 0.65, "for one model only")}
    summary = Summary(
        heading=Heading("tmi", "gin", "infograph", "none", "smoke", "moses[all]", {"members": 1000}),
        headlines=["auc", "nobody_has_this"],
        evidence={"target": row | {"discordant_auc": estimate(0.6, 0.4, 0.7)}, "random": {}, "untrained": row},
        roles={"target": "target", "random": "rival", "untrained": "control"},
        leakage={"auc": LeakageEstimate(0.1, 0.02, 0.2, 9, "untrained")},
        queries={"embeddings": 1200},
        seconds={"train": 1.25},
        report=Path("outputs/report.html"),
    )
    print_summary(summary, console)
    text = stream.getvalue()
    for part in (
        "tmi on gin, infograph; defence none; scale smoke",
        "moses[all]: 1,000 members",  # square brackets are text here, not rich's markup
        "0.600 [0.55, 0.65]",
        "rival random",
        "control untrained",
        "leakage  AUC of tmi +0.100 [0.02, 0.20] over untrained: above every control",
        "no evidence: 0.600 [0.40, 0.70]",
        "note  AUC: for one model only",
        "1,200 (embeddings 1,200)",
        "train 1.2",
        "outputs/report.html",
    ):
        assert part in text, part
    assert "nobody" not in text


def test_a_narrow_console_shows_whole_numbers_and_names_the_columns_it_has_no_room_for() -> None:
    """Catches numbers cut in two, and a column that is gone without a word."""
    console, stream = printed(60)
    row = {f"metric_{i}": estimate(0.6 + i / 100, 0.55, 0.65) for i in range(3)}
    print_summary(summary_of(row), console)
    text = stream.getvalue()
    assert "0.600 [0.55, 0.65]" in text and "0.610 [0.55, 0.65]" in text and "…" not in text
    assert "0.620" not in text and "on the page  metric 2" in text


LONG = ("adapted_lira_diagonal", "m4i_feature_infonce_distance", "loss")


@pytest.mark.parametrize("width", [80, 120, 140])
def test_every_line_fits_the_console(width: int) -> None:
    """Catches headings cut by "…", intervals over two lines, and words broken at the edge of the screen."""
    console, stream = printed(width)
    names = ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "balanced_accuracy")
    row = {name: estimate(0.6, 0.55, 0.65) for name in names}
    summary = replace(
        summary_of(row, **dict.fromkeys(LONG, row)),
        brief=names[:2],
        columns={"queries per victim and point": dict.fromkeys(LONG, "1"), "seconds": dict.fromkeys(LONG, "2.5")},
        versus="the attack is better than " + ", ".join(LONG * 8),
        notes=["a note of many words " * 12],
    )
    print_summary(summary, console)
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width and "…" not in text
    assert "AUC" in text and text.count("0.600 [0.55, 0.65]") >= 2 * 4
    assert ("TPR at 1 % FPR" in text) == (width >= 80) and ("TPR at 0.1 %" in text.split("on the page")[0]) == (
        width > 80
    )
    assert all(name in text for name in LONG)


def test_headings_of_an_audit_fit_a_narrow_console() -> None:
    """Catches a table that titles of several words press beyond the edge, where its last column is cut."""
    console, stream = printed(80)
    bounds = [f"empirical_epsilon_{name}" for name in ("one_run", "all_models", "f_dp_all_models")]
    row = {name: Estimate.exact(2.819, 9) for name in bounds} | {"auc": estimate(0.6, 0.55, 0.65)}
    print_summary(replace(summary_of(row), brief=tuple(row)), console)
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 80 and "0.600 [0.55, 0.65] │" in text and "┃ empirical" in text


def test_the_attack_is_called_by_its_name_and_rivals_come_before_controls() -> None:
    """Catches a row called `target`, and two places that list the same evidence in two orders."""
    console, stream = printed()
    row = {"auc": estimate(0.6, 0.55, 0.65)}
    evidence = {"untrained": row, "float": row, "loss": row, "target": row}
    roles = {"untrained": "control", "float": "variant", "loss": "rival", "target": "target"}
    heading = Heading("lira", "mlp", "classification", "none", "smoke", "digits")
    summary = replace(summary_of(row), heading=heading, evidence=evidence, roles=roles)
    print_summary(summary, console)
    text = stream.getvalue().split("smoke")[1]
    places = [text.index(word) for word in ("lira", "rival loss", "control untrained", "variant float")]
    assert places == sorted(places) and "target" not in text
    assert list(summary.titles.values()) == ["lira", "loss", "untrained", "float"]
    both = replace(summary, evidence={"lira": row, "target": row}, roles={"lira": "rival", "target": "target"})
    assert list(both.titles.values()) == ["lira, as given", "lira"]


def test_a_narrow_sweep_table_has_whole_words() -> None:
    """Catches `balanced_accu│racy`, and columns that are lost."""
    console, stream = printed(80)
    names = ("auc", "tpr_at_fpr_0.01", "balanced_accuracy", "tpr_at_fpr_0.001")
    rows = [
        {"attack": attack, "status": "finished", **dict.fromkeys(names, f"0.{seed}00 [0.50, 0.70]")}
        for seed, attack in enumerate(("lira", "rmia"))
    ]
    print_sweep_table(rows, console=console)
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 80 and "status finished" in text and "│ lira" in text
    assert "┃ AUC" in text and "┃ TPR at 1 % FPR" in text and "in summary.csv: TPR at 0.1 % FPR" in text


def test_costs_stand_beside_the_metrics_and_sentences_below() -> None:
    console, stream = printed()
    summary = replace(
        summary_of({"tpr_at_fpr_0.001": estimate(0.6, 0.55, 0.65)}, loss={}),
        columns={"queries": {"target": "1,024"}, "seconds": {"target": "3.5", "loss": "0.1"}},
        success="accuracy 0.9",
        versus="the attack is better than loss",
    )
    print_summary(summary, console)
    text = stream.getvalue()
    for part in ("TPR at 0.1 % FPR", "1,024 │     3.5", "–", "rivals  the attack is better", "model  accuracy 0.9"):
        assert part in text, part


def test_the_headline_is_the_first_headline_that_the_target_has() -> None:
    """Catches a sweep that optimises a metric which only a rival has, or one that nobody reads first."""
    one, other = estimate(0.6, 0.5, 0.7), estimate(0.9, 0.8, 1.0)
    summary = replace(summary_of({"b": one, "a": other}, loss={"c": other}), headlines=["c", "b", "a"])
    assert summary.headline == 0.6 and summary.present == ["c", "b", "a"]
    assert math.isnan(replace(summary, headlines=["c"]).headline)


def test_the_sweep_table_shows_failed_jobs_too() -> None:
    console, stream = printed()
    print_sweep_table(
        [{"seed": 0, "auc": estimate(0.6, 0.5, 0.7)}, {"seed": 1, "auc": None, "status": "failed"}],
        console=console,
    )
    assert "0.600 [0.50, 0.70]" in stream.getvalue() and "failed" in stream.getvalue()
