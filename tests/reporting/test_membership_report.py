"""The whole report of a membership attack over many victims, from a made-up outcome."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.reporting import report as module
from telltale.reporting.outcome import Outcome
from tests.reporting.outcomes import CHOICES, POOLS, Run, outcome


def reported(one: Outcome, folder: Path) -> dict[str, Any]:
    module.report(Run(folder), one, POOLS, CHOICES)  # type: ignore[arg-type]
    return json.loads((folder / "metrics.json").read_text())


def test_a_run_with_many_victims_leaves_its_numbers_arrays_and_exposed_records(tmp_path: Path) -> None:
    one = outcome()
    document = reported(one, tmp_path)
    assert set(document["versus_rivals"]) == {"loss", "calibrated"}
    assert set(document["versus_rivals"]["loss"]) == {"auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001"}
    assert document["costs"]["target"] == {"queries": {"probabilities": 960}, "seconds": 0.5}
    assert set(document["costs"]) == set(one.evidence)
    with np.load(tmp_path / "evidence.npz", allow_pickle=False) as kept:
        assert set(kept) == {*one.evidence, "membership", *(f"threshold_{x}" for x in ("target", "loss", "calibrated"))}
        assert kept["threshold_target"].shape == (8,) and (kept["membership"] == one.membership).all()
    with (tmp_path / "exposure.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 120 and {row["n_in"] for row in rows} == {"4"} and float(rows[0]["exposure"]) == 1
    assert {file.name for file in (tmp_path / "figures").iterdir()} == {"roc.png", "auc.png", "scores.png"}


def test_page_and_console_of_many_victims_say_what_was_resampled_and_what_it_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reported(outcome(), tmp_path)
    page, console = (tmp_path / "report.html").read_text(), capsys.readouterr().out
    for text in (page, console):
        assert "8 trained models: the intervals resample points and models" in text
        assert "one trained model" not in text
        assert "accuracy 99.6 % on training, 81.2 % on test records (gap 18.4 percentage points)" in text
        assert (
            f"{CHOICES['attack']} is, by AUC, better than loss" in text
        )  # which need not be the strongest, that the answer names
        assert "TPR at 0.1 % FPR" in text and "seconds" in text
    assert "queries per victim and point" in page and "Most exposed records" in page
    assert page.count('class="pixels"') == 12 and "models in / out" in page


def test_the_best_threshold_is_never_shown_without_saying_that_it_is_optimistic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, told, tables = Run(tmp_path), {}, []
    run.logger.log_scalars = lambda values, step=None: told.update(values)  # type: ignore[method-assign]
    run.logger.log_table = lambda name, columns, rows: tables.extend(rows)  # type: ignore[method-assign]
    module.report(run, outcome(), POOLS, CHOICES)  # type: ignore[arg-type]
    document = json.loads((tmp_path / "metrics.json").read_text())
    parts = [document["metrics"], *document["controls"].values(), *document["rivals"].values()]
    assert all(part["best_threshold_balanced_accuracy"]["note"].startswith("optimistic") for part in parts)
    page = (tmp_path / "report.html").read_text()
    assert page.count("best_threshold") == 1 and "optimistic" in page[page.index("best_threshold") :][:300]
    assert "best threshold" not in capsys.readouterr().out.replace("_", " ").replace("\n", " ").split("report  ")[0]
    assert "target/target/auc" in told and not any("best_threshold" in name for name in told)
    assert all(row[-1].startswith("optimistic") for row in tables if row[2].startswith("best_threshold"))
    assert "best_threshold_balanced_accuracy" not in document["leakage"]


def test_one_victim_shows_its_most_exposed_members_and_holds_for_this_model_only(tmp_path: Path) -> None:
    reported(outcome(victims=1), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "one trained model" in page and "Most exposed members" in page and page.count('class="pixels"') == 12
    assert not (tmp_path / "exposure.csv").exists()


def test_an_outcome_without_costs_records_and_truth_is_reported_all_the_same(tmp_path: Path) -> None:
    bare = outcome(rivals=0, costs={}, membership=None, target={})
    document = reported(replace(bare, challenge=None), tmp_path)
    assert not {"costs", "versus_rivals"} & set(document)
    page = (tmp_path / "report.html").read_text()
    assert "queries per victim" not in page and "own success" not in page
    assert {file.name for file in (tmp_path / "figures").iterdir()} == {"roc.png", "auc.png"}
    with np.load(tmp_path / "evidence.npz", allow_pickle=False) as kept:
        assert "membership" not in kept
