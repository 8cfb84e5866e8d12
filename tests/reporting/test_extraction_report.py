"""The whole report of extracted molecules, from a made-up outcome."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from telltale.data.molecules.records import MoleculeRecords
from telltale.evaluation.estimate import Estimate
from telltale.evaluation.score import evaluate
from telltale.evidence import ExtractedMolecules
from telltale.reporting.answering import spoken
from telltale.reporting.outcome import Cost, Outcome
from telltale.reporting.report import report
from telltale.truth import Truth
from tests.reporting.outcomes import CHOICES, POOLS, Run

SMILES = ("Cc1ccccc1", "CCc1ccccc1", "Cc1ccncc1", "CCc1ccncc1", "OCCO", "OCCCO")
TRUE = ("CCCc1ccccc1", "Cc1ccncc1")  # parts of the first: places 0 and 1; the second is itself one candidate: place 2
CONTROLS = ("zero_query", "disjoint")


def molecules(seed: int) -> ExtractedMolecules:
    rng = np.random.default_rng(seed)
    return ExtractedMolecules(
        smiles=np.array(SMILES),
        templates=np.array(["benzene", "benzene", "pyridine", "pyridine", "chain", "chain"]),
        scores=rng.normal(size=(1, len(SMILES))),
        novel=np.array([True, False, True, True, True, True]),
        k=(1, 2, 4),
        mixing=rng.random((1, len(SMILES))),
        proposed=9,
        valid=8,
    )


@pytest.fixture
def outcome() -> Outcome:
    evidence = {"target": molecules(0), "zero_query": None, "disjoint": molecules(1), "random": molecules(2)}
    truth = Truth(np.zeros((1, 2), bool), (MoleculeRecords.of(TRUE, "G"),), MoleculeRecords.of(["OCCCO", "CCCC"], "G′"))
    return Outcome(
        evidence=evidence,
        scored=evaluate(evidence, truth, CONTROLS, 50, 0),
        controls=CONTROLS[1:],
        rivals=("random",),
        guarantee=None,
        target={"loss": 1.0},
        queries={"embeddings": 1200},
        costs={"target": Cost({"embeddings": 1200}, 1.0)},
    )


def test_candidates_are_kept_best_first_with_what_they_really_were(outcome: Outcome, tmp_path: Path) -> None:
    """Catches scores of another candidate, and hits that are told apart by their place in the list."""
    report(Run(tmp_path), outcome, POOLS, CHOICES)  # type: ignore[arg-type]
    table = pd.read_csv(tmp_path / "evidence.csv")
    assert table["score_target"].is_monotonic_decreasing and "score_zero_query" not in table
    kept = table.set_index("smiles").loc[list(SMILES)]
    assert kept["hit"].tolist() == [True, True, True, False, False, False]
    assert kept["exact_hit"].tolist() == [False, False, True, False, False, False]
    assert kept["hit_disjoint"].tolist() == [False, False, False, False, False, True]
    np.testing.assert_allclose(kept["score_random"], outcome.evidence["random"].scores[0])
    assert {file.stem for file in (tmp_path / "figures").iterdir()} == {
        *("precision_vs_k", "novel_precision_vs_k", "novel_auc", "scores", "alpha"),
    }


def test_page_and_console_ask_the_primary_question_and_the_headline_is_the_middle_list(
    outcome: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a sweep that optimises another list than the one read first, and a primary question that is left out."""
    summary = report(Run(tmp_path), outcome, POOLS, CHOICES)  # type: ignore[arg-type]
    assert summary.headlines[0] == "precision_at_2" and summary.headline == summary.target["precision_at_2"].value
    page, console = (tmp_path / "report.html").read_text(), capsys.readouterr().out
    assert "Primary: does the score tell molecules found only in G from those found only in G′?" in page
    assert "only in G against only in G′  cannot tell: 4 discordant candidates, 300 needed" in console
    assert page.count('class="badge') == len(SMILES) and "6 candidates" in console
    assert "one trained model" in page and "1,200 (embeddings 1,200)" in console


def test_what_is_found_at_few_false_alarms_is_said_of_candidates(outcome: Outcome) -> None:
    """Catches candidates that are called members, and an accusation of nobody."""
    few = " ".join(spoken(outcome).meaning)
    assert "right candidates above 99 % of the wrong ones are not measured: FPR 0.01" in few and "member" not in few
    draws = np.random.default_rng(0).normal(0.25, 0.01, (1, 50))
    metrics = {**outcome.scored.metrics["target"], "tpr_at_fpr_0.01": Estimate(0.25, draws, 1000)}
    scored = replace(outcome.scored, metrics={**outcome.scored.metrics, "target": metrics})
    said = " ".join(spoken(replace(outcome, scored=scored)).meaning)
    assert "of 1,000 candidates that are part of a training molecule" in said and "puts 250 [2" in said
    assert "guessing puts 10" in said and "member" not in said
