"""The command that measures where embeddings begin to leak: cheap rows first, finished ones found again, one table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from scripts import embedding_leakage
from scripts.embedding_leakage import ATTACKS, EPOCHS, SIZES, Job, fingerprint, finished, is_finished, main, page
from telltale.attacks.embedding_membership.attack import VARIANTS
from telltale.reporting.metrics_file import write_json


def metrics(value: float) -> dict[str, Any]:
    names = ("auc", "tpr_at_fpr_0.01")
    return {name: {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 9} for name in names}


def measured(job: Job) -> bool:
    """Stands for the runs of a row."""
    for signal in ATTACKS:
        document = {
            "metrics": metrics(0.8 if signal == "logistic" else 0.7),
            "rivals": {name: metrics(0.6) for name in VARIANTS},
            "controls": {"disjoint": metrics(0.51), "untrained": metrics(0.49)},
            "leakage": metrics(0.29),
            "target": {"accuracy": 0.9, "chance": 0.5},
        }
        write_json(job.folder / signal / "metrics.json", document)
        write_json(job.folder / signal / "made_by.json", fingerprint(job, signal))
    return True


def command(folder: Path, *words: str) -> tuple[int, list[str]]:
    asked: list[str] = []

    def run(job: Job) -> bool:
        asked.append(f"{job.objective} {job.members}")
        return job.objective != "graphcl" and measured(job)

    with mock.patch.object(embedding_leakage, "run", run):
        code = main([f"--folder={folder}", f"--page={folder}/page.md", "--jobs=1", *words])
    return code, asked


def test_what_is_finished_is_not_measured_again_and_a_failure_is_told(tmp_path: Path) -> None:
    """Catches a measurement that starts anew after an interruption, and a failed row in the table."""
    words = ("--objectives", "infograph", "graphcl", "--sizes", "300", "100")
    code, asked = command(tmp_path, *words)
    assert code == 1 and asked == ["infograph 100", "infograph 300", "graphcl 100", "graphcl 300"]
    assert command(tmp_path, *words)[1] == ["graphcl 100", "graphcl 300"]
    assert command(tmp_path, *words, "--fresh")[1] == asked
    table = [line for line in (tmp_path / "page.md").read_text().splitlines() if line.startswith("| infograph")]
    assert len(table) == 2 and "| 0.800 [0.70, 0.90] | 0.510 [0.41, 0.61] / 0.490 [0.39, 0.59] |" in table[0]
    with (tmp_path / "results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["objective"], row["members"]) for row in rows} == {("infograph", "100"), ("infograph", "300")}
    assert {row["evidence"] for row in rows} == {"target", "disjoint", "untrained", "leakage", *VARIANTS}


def test_a_row_made_by_other_words_or_code_is_not_finished(tmp_path: Path) -> None:
    """Catches figures of an older attack in a new table."""
    job = Job("infograph", 100, 6, tmp_path / "row")
    assert not is_finished(job) and measured(job) and is_finished(job)
    assert not is_finished(Job("infograph", 100, 8, tmp_path / "row"))
    with mock.patch.object(embedding_leakage, "source_digest", lambda _: "other"):
        assert not is_finished(job)


def test_every_column_has_a_figure_in_every_row(tmp_path: Path) -> None:
    """Catches a column forgotten in a row."""
    job = Job("random_labels", 1000, 6, tmp_path / "row")
    measured(job)
    lines = [line for line in page(list(finished([job])), 6).splitlines() if line.startswith("| ")]
    assert [line.replace("\\|", "").count("|") for line in lines] == [lines[1].count("|")] * 3


@pytest.mark.parametrize("objective", EPOCHS)
def test_each_objective_has_its_epochs_and_its_file(objective: str, tmp_path: Path) -> None:
    """Catches an objective without a training time for each size, and one that the command line does not know."""
    assert len(EPOCHS[objective]) == len(SIZES) and embedding_leakage.PRICES[objective] > 0
    assert fingerprint(Job(objective, 100, 6, tmp_path), "norm")["models"]
