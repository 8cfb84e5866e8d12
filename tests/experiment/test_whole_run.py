"""Whole runs through the command, at the smallest scale: what they leave behind, and that they repeat."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from telltale.reporting.earlier import results_in
from tests.experiment.commands import QUICK, command, process, read

NUMBERS = {"value", "low", "high", "n", "standard_error", "degrees"}
FILES = {"config.yaml", "run.json", "metrics.json", "replicates.npz", "report.html"}
FILES |= {"evidence.npz", "evidence.parquet", "evidence.csv"}
SMALL = ("pools.members=120", "pools.non_members=60", "pools.auxiliary=150", "pools.test=20", "objective.epochs=1")
SMALL = (*SMALL, "attack.rings=4", "attack.motifs=10", "attack.cuts=1", "attack.k=10")
SECTIONS = ["answer", "metrics", "controls", "rivals", "leakage", "guarantee", "target", "queries", "seconds", "costs"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def first(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first") / "run"
    ended = process(*QUICK, f"hydra.run.dir={folder}", f"paths.store={store}")
    assert ended.code == 0, ended.err
    assert "novel auc" in ended.out and "control disjoint" in ended.out and "Traceback" not in ended.err
    return folder


def without_times(document: dict[str, Any]) -> dict[str, Any]:
    costs = {name: one["queries"] for name, one in document["costs"].items()}
    return {**{name: part for name, part in document.items() if name != "seconds"}, "costs": costs}


def test_a_run_leaves_exactly_the_files_of_the_design(first: Path) -> None:
    """Catches a file that is missing, misnamed or left over."""
    assert {file.name for file in first.iterdir() if file.is_file()} == FILES
    assert {folder.name for folder in first.iterdir() if folder.is_dir()} == {"figures"}
    drawn = list((first / "figures").iterdir())
    assert drawn and {file.suffix for file in drawn} == {".png"}


def test_metrics_json_is_laid_out_as_the_design_says(first: Path) -> None:
    """Catches a section or a number that other programs look for in vain."""
    document = read(first / "metrics.json")
    assert list(document) == SECTIONS
    parts = [document["metrics"], *document["controls"].values(), *document["rivals"].values()]
    for name, one in ((name, one) for part in parts for name, one in part.items()):
        assert NUMBERS <= set(one) <= NUMBERS | {"note", "distinct"}, name
    for name, one in document["leakage"].items():
        assert set(one) == {"value", "low", "high", "n", "control"} and one["control"] in document["controls"], name
    assert set(document["controls"]) == {"zero_query", "untrained", "disjoint"}
    assert {"auc", "novel_auc", "discordant_auc", "exact_membership_auc", "precision_at_10"} <= set(document["metrics"])
    assert {"memory_gain_auc", "mirrored_memory_gain_auc", "precision_at_5_within_ring"} <= set(document["metrics"])
    assert document["guarantee"] is None
    assert document["target"].keys() >= {"own_molecule_accuracy", "chance"}


def test_the_queries_are_rings_motifs_candidates_and_the_cut_challenge_molecules(first: Path) -> None:
    """Catches calls of rivals or controls charged to the attack, and cached answers let off."""
    document = read(first / "metrics.json")
    candidates = document["metrics"]["candidates"]["value"]
    asked = document["queries"]["embeddings"]
    assert set(document["queries"]) == {"embeddings"}
    assert candidates + 8 + 20 + 300 < asked <= candidates + 8 + 20 + 300 * (1 + 2 * 2)


def test_the_run_says_what_it_was_and_how_it_ended(first: Path) -> None:
    """Catches a configuration with unresolved references, and a run that cannot be repeated from its folder."""
    said, settings = read(first / "run.json"), yaml.safe_load((first / "config.yaml").read_text())
    assert (said["status"], said["error"], said["seed"]) == ("finished", None, 0)
    assert set(said["versions"]) >= {"torch", "rdkit"} and "scale=smoke" in said["overrides"]
    assert "${" not in (first / "config.yaml").read_text()
    assert settings["attack"]["k"] == [10, 20] and settings["pools"]["disjoint"] == settings["pools"]["members"]


def test_a_later_run_in_its_folder_would_leave_nothing_of_it(first: Path) -> None:
    """Catches a result, new since, that stays beside another run's configuration."""
    files = {file.relative_to(first) for file in first.rglob("*") if file.is_file()}
    assert not {file for file in files - set(results_in(first)) if file.parts[0] != "wandb"}


def test_the_evidence_gives_the_reported_numbers(first: Path) -> None:
    """Catches evidence in another order than its scores, and hits of other candidates."""
    table, metrics = pd.read_parquet(first / "evidence.parquet"), read(first / "metrics.json")["metrics"]
    assert len(table) == metrics["candidates"]["value"] and table.smiles.is_unique
    assert table.hit.mean() == pytest.approx(metrics["base_rate"]["value"])
    score, hit = table.score_target.to_numpy(), table.hit.to_numpy()
    pairs = score[hit][:, None] - score[~hit]
    assert np.mean((pairs > 0) + (pairs == 0) / 2) == pytest.approx(metrics["auc"]["value"])
    best = pd.read_csv(first / "evidence.csv").head(10)
    assert best.score_target.is_monotonic_decreasing
    assert best.hit.mean() == pytest.approx(metrics["precision_at_10"]["value"])
    with np.load(first / "evidence.npz", allow_pickle=False) as kept:
        assert kept["membership_target"].shape == (1, 300)


def test_the_same_command_again_gives_the_same_numbers_from_the_store(first: Path, store: Path, tmp_path: Path) -> None:
    """Catches hidden randomness, an order that depends on hashing, and a store that is not found again."""
    entries = sorted((store / "release").iterdir())
    ended = process(*QUICK, f"hydra.run.dir={tmp_path}/run", f"paths.store={store}")
    assert ended.code == 0, ended.err
    assert "trained" not in ended.err and sorted((store / "release").iterdir()) == entries
    assert without_times(read(tmp_path / "run" / "metrics.json")) == without_times(read(first / "metrics.json"))
    assert pd.read_parquet(tmp_path / "run/evidence.parquet").equals(pd.read_parquet(first / "evidence.parquet"))


@pytest.fixture(scope="module")
def sweep(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    quick = [word for word in QUICK if not word.startswith("logger")]
    ended = process("-m", *quick, *SMALL, "seed=0,1", f"hydra.sweep.dir={folder}", f"paths.store={store}")
    assert ended.code == 0, ended.err
    assert "sweep of 2 jobs" in ended.out
    return folder


def test_a_sweep_has_a_summary_of_its_jobs(sweep: Path) -> None:
    """Catches a missing table, jobs without their numbers, and two jobs that are the same."""
    with (sweep / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    shown = [(row["job"], row["seed"], row["status"], row["model"]) for row in rows]
    assert shown == [("0", "0", "finished", "gin"), ("1", "1", "finished", "gin")]
    assert rows[0]["auc"] != rows[1]["auc"]
    for row in rows:
        value = read(sweep / row["job"] / "metrics.json")["metrics"]["auc"]["value"]
        assert row["auc"].startswith(f"{value:.3f} [")


def test_each_job_of_a_sweep_has_a_closed_wandb_run_of_its_own(sweep: Path) -> None:
    """Catches runs merged in one process, or left open."""
    for job in ("0", "1"):
        (run,) = (sweep / job / "wandb").glob("offline-run-*")
        kept = inspect(run)
        value = read(sweep / job / "metrics.json")["metrics"]["auc"]["value"]
        assert kept["exit_code"] == 0
        assert f'"target/target/auc": {value:.6}'[:24] in json.dumps(kept)


def inspect(run: Path) -> dict[str, Any]:
    """Read a run that was never uploaded with W&B's own reader."""
    wandb = Path(sys.executable).with_name("wandb")
    words = [str(wandb), "leet", "inspect", "--summary", "--json", str(run)]
    found: dict[str, Any] = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return found


def test_several_victims_are_attacked_scored_and_kept(store: Path, tmp_path: Path) -> None:
    """Catches evidence of one shape for every victim, a blind guess that fits one victim only, shared controls."""
    ended = command(*QUICK, *SMALL, "victims=2", f"hydra.run.dir={tmp_path}/run", f"paths.store={store}")
    assert ended.code == 0, ended.err
    document, table = read(tmp_path / "run/metrics.json"), pd.read_parquet(tmp_path / "run/evidence.parquet")
    assert {"hit_0", "hit_1", "score_target_0", "score_target_1", "score_zero_query_1"} <= set(table.columns)
    assert not table.score_target_0.equals(table.score_target_1)
    assert not table.score_disjoint_0.equals(table.score_disjoint_1)
    assert document["metrics"]["exact_membership_auc"]["n"] == 2 * 180
    assert set(document["controls"]) == {"zero_query", "untrained", "disjoint"}
    with np.load(tmp_path / "run/evidence.npz", allow_pickle=False) as kept:
        assert kept["membership_target"].shape == (2, 180)


@pytest.mark.parametrize("debug", ["fast", pytest.param("profiler", marks=pytest.mark.slow)])
def test_a_look_for_debugging_runs_and_a_short_one_calls_itself_no_result(debug: str, tmp_path: Path) -> None:
    """Catches an option that crashes, a look that passes for a result, weights that would be served as trained."""
    ended = command(*QUICK, *SMALL, f"debug={debug}", f"hydra.run.dir={tmp_path}/run", f"paths.store={tmp_path}/store")
    assert ended.code == 0, ended.err
    assert ("not a result" in ended.out) == (debug == "fast")
    entries = [read(file) for file in (tmp_path / "store" / "release").rglob("entry.json")]
    assert entries and all(("fast_dev_run" in entry) == (debug == "fast") for entry in entries)
