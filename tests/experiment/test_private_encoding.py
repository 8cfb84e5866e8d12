"""Malicious code and private training do not go together unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiment.commands import command, read

WORDS = ("scale=smoke", "logger=none", "evaluation.replicates=100")


@pytest.mark.parametrize("method", ["correlated", "sign", "lsb"])
def test_private_training_refuses_code_that_goes_round_it(method: str, tmp_path: Path) -> None:
    """Catches an ε printed for weights that a correlation term, or code afterwards, put training pictures into."""
    words = ("attack=weight_encoding", f"attack.method={method}", "defense=dp_sgd")
    ended = command(*WORDS, f"paths.outputs={tmp_path}", *words)
    assert ended.code == 2, ended.err
    told = [text for text in ended.err.splitlines() if text.startswith("error:")]
    assert len(told) == 1 and not (tmp_path / "store" / "release").exists()


def test_records_made_from_others_have_no_guarantee(tmp_path: Path) -> None:
    """Catches an ε for single records printed where one picture became 128 of them."""
    words = ("attack=weight_encoding", "attack.method=capacity", "defense=dp_sgd", "objective.epochs=1")
    ended = command(*WORDS, f"paths.outputs={tmp_path}", f"hydra.run.dir={tmp_path}/run", *words)
    assert ended.code == 0, ended.err
    assert read(tmp_path / "run" / "metrics.json")["guarantee"] is None
