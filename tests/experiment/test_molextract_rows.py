"""The rows of Molextract's tables as whole runs: other auxiliary molecules, chains, and a number as the only answer."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.experiment.commands import QUICK, command, read
from tests.experiment.test_planted import PLANTED

pytestmark = pytest.mark.slow


def told(folder: Path, *words: str) -> dict:
    ended = command("attack=molextract", *QUICK, *words, f"hydra.run.dir={folder}/run", f"paths.store={folder}/store")
    assert ended.code == 0, ended.err
    return read(folder / "run" / "metrics.json")


def test_memory_is_found_whoevers_molecules_the_attacker_has(tmp_path: Path) -> None:
    """Catches truth looked up among the attacker's molecules instead of the owner's, and chains without candidates."""
    words = ("attack.auxiliary=nci", "attack.templates=rings_and_chains", *PLANTED)
    metrics = told(tmp_path, *words)["metrics"]
    assert metrics["novel_auc"]["value"] > 0.9 and metrics["discordant_auc"]["value"] > 0.9
    templates = set(pd.read_parquet(tmp_path / "run" / "evidence.parquet")["template"])
    assert {"CCCC", "CCCCCC"} < templates and any("1" in template for template in templates)


def test_a_number_is_all_that_is_asked_for(tmp_path: Path) -> None:
    """Catches an encoder that answers behind a property model's back, and success that is measured as a class."""
    pools = [f"pools.{name}={size}" for name, size in {"members": 120, "disjoint": 120, "auxiliary": 53}.items()]
    words = ("objective=regression", "dataset=b3db", "dataset.kind=values", "attack.answers=values", "attack.cuts=0")
    document = told(tmp_path, *words, *pools, "pools.non_members=20", "pools.test=60")
    assert set(document["queries"]) == {"values"} and document["queries"]["values"] > 200
    assert 0 < document["target"]["rmse"] < 3 and "train_rmse" in document["target"]
    assert {"untrained", "disjoint"} <= set(document["controls"]) and "exact_membership_auc" not in document["metrics"]
