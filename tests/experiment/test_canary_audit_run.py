"""The canary audit through the command: what it writes and says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.experiment.commands import command, read

BOUNDS = ("one_run", "all_models", "retrained", "f_dp_one_run", "f_dp_all_models")
WORDS = ("attack=canary_audit", "scale=smoke", "logger=none", "evaluation.replicates=100")


def test_an_audit_without_accountant_writes_and_says_its_bounds(tmp_path: Path) -> None:
    """Catches bounds that reach the table and not the file, controls without any, and a loss of the coins."""
    ended = command(*WORDS, f"paths.outputs={tmp_path}", f"hydra.run.dir={tmp_path}/run", "objective.epochs=60")
    assert ended.code == 0, ended.err
    found = read(tmp_path / "run" / "metrics.json")
    bounds = {name: one["value"] for name, one in found["metrics"].items() if name.startswith("empirical_epsilon")}
    assert set(bounds) == {f"empirical_epsilon_{name}" for name in BOUNDS}
    assert bounds["empirical_epsilon_one_run"] > 1 and bounds["empirical_epsilon_all_models"] > 2
    assert "Gaussian trade-off functions" in found["metrics"]["empirical_epsilon_f_dp_one_run"]["note"]
    assert found["controls"]["untrained"]["empirical_epsilon_all_models"]["value"] < 0.5
    assert not any("epsilon" in name for name in found["leakage"]) and found["guarantee"] is None
    said = "empirical ε: lower bound"
    assert said in ended.out and said in (tmp_path / "run" / "report.html").read_text()
    with np.load(tmp_path / "run" / "evidence.npz") as kept:
        assert kept["membership"].shape == kept["target"].shape == (4, 100)
