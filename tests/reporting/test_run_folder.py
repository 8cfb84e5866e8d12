"""What a run writes of itself."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from telltale.reporting.run_folder import RunFolder


def test_a_stage_adds_its_seconds_up_also_where_it_fails(tmp_path: Path) -> None:
    """Catches seconds of a second visit that replace those of the first, and a failed stage that took no time."""
    run = RunFolder(tmp_path, OmegaConf.create({"seed": 0}))
    with run.stage("training"):
        time.sleep(0.02)
    first = run.seconds["training"]
    with pytest.raises(ValueError, match="broken"), run.stage("training"):
        time.sleep(0.02)
        raise ValueError("broken")
    assert first >= 0.02 and run.seconds["training"] >= first + 0.02


def test_the_words_of_the_command_line_are_kept(tmp_path: Path) -> None:
    """Catches a run that cannot be repeated from its folder."""
    RunFolder(tmp_path, OmegaConf.create({"seed": 3}), ["seed=3", "attack=tmi"])
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["overrides"] == ["seed=3", "attack=tmi"] and document["status"] == "running"


def test_the_next_job_of_a_sweep_counts_from_its_own_start(tmp_path: Path) -> None:
    """Catches "the attack starts 71 s after the process", where other jobs took 70 of them."""
    RunFolder(tmp_path / "0", OmegaConf.create({"seed": 0}))
    said = RunFolder(tmp_path / "1", OmegaConf.create({"seed": 1})).since_start()
    assert said.endswith(" s after the job") and float(said.split()[0]) < 5
