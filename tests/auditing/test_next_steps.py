"""What an audit and scores say to type next can be typed."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np

from telltale.auditing.next_steps import BETTER, DEFENCE, Typed, after_audit, after_scores
from telltale.game.answers import Answers
from tests.experiment.commands import command
from tests.verbs.folders import answers

WORDS = (
    "attack=audit",
    "target.call=serve.py:predict",
    "dataset=csv",
    "dataset.root=t.csv",
    "dataset.label=sick",
    "seed=2",
)
CHOICES = {"dataset": "csv", "target": "function"}
WHOLE = replace(answers(), population=None, population_labels=None, classes=("a", "b", "c"))
ALONE = replace(WHOLE, answers=WHOLE.answers[:1], membership=WHOLE.membership[:1])


def said(of: Answers, words: tuple[str, ...] = WORDS, **target: object) -> dict[str, str]:
    steps = after_audit(of, Typed(words, (), CHOICES, {"target": {"population": 0.3} | target}))
    return {step.why: step.command for step in steps}


def test_an_audit_names_shadow_models_first_then_more_records_then_more_shadows() -> None:
    """Catches advice to do what was done already."""
    assert said(ALONE)[BETTER].endswith("seed=2 target.train=train.py:fit")
    beside = replace(answers(), victims=1)
    assert said(beside)[BETTER].endswith("target.population=0.1")
    assert said(beside, population=0.1, train="f.py:fit")[BETTER].endswith("target.shadow_models=64")
    assert said(beside, population=0.1)[BETTER].split()[3:4] == ["-m"]


def test_the_defended_recipe_reads_the_users_records_and_composes() -> None:
    """Catches options of a target that is gone, and pools larger than the table."""
    line = said(ALONE)[DEFENCE]
    words = shlex.split(line)[3:]
    assert "dataset.root=t.csv" in words and not [word for word in words if word.startswith("target")]
    assert "pools.members=33" in words, "a sixth of 200 records"
    composed = command(*words, "--cfg", "job")
    assert composed.code == 0 and "dp_sgd" in composed.out, composed.err


def test_the_defended_recipe_of_fingerprints_is_one_of_tables_and_of_records_that_are_there() -> None:
    """Catches a molecules' network for fingerprints, and pools for rows that are one fingerprint."""
    data = {"target": {"population": 0.3}, "dataset": {"view": "morgan"}}
    steps = after_audit(ALONE, Typed(WORDS, (), {"dataset": "smiles"}, data, available=150))
    words = shlex.split(steps[1].command)
    assert "model=mlp" in words and "pools.members=25" in words


def test_real_values_have_no_recipe_of_ours() -> None:
    """Catches a classifier that is to be trained on real values."""
    values = Answers("values", np.zeros((1, 4)), np.array([[True, False] * 2]), labels=np.arange(4.0))
    assert list(said(values)) == [BETTER]


def test_scores_name_the_file_that_would_tell_more(tmp_path: Path) -> None:
    """Catches a layout of the old file that is kept for the new one."""
    scores = Answers("scores", np.zeros((1, 4)), np.array([[True, False] * 2]))
    typed = Typed(("attack=scores", "scores.file=a.csv", "scores.layout=csv", "seed=3"))
    better, defence = after_scores(scores, typed)
    assert better.command == "python -m src.run attack=scores seed=3 scores=answers.npz"
    assert defence.command == "python -m src.run attack=lira dataset=digits defense=dp_sgd"
    assert "the true labels" in after_scores(replace(answers(), labels=None, population_labels=None), typed)[0].remark
