"""plan=true of what exists, an audit and a file of answers: nothing of the user's is trained or called up."""

from __future__ import annotations

import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from telltale.auditing.judging import Played
from telltale.evaluation.score import Scored
from telltale.planning.ledger import TRAINED
from tests.experiment.commands import command
from tests.planning.planned import plan, to_train, trained

SERVE = """
import numpy as np
calls = []
def predict(x):
    calls.append(len(x))
    assert sum(calls) <= 2 * 50, "asked about more than two batches"
    sure = 1 / (1 + np.exp(-x[:, 0]))
    return np.stack([1 - sure, sure], 1)
"""


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, ...]:
    """A table of which half was trained on, and a function that answers about it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] > 0).astype(int), member=rng.random(400) < 0.5)
    (tmp_path / "serve.py").write_text(SERVE)
    (tmp_path / "train.py").write_text("def fit(records, seed):\n    raise RuntimeError('trained')\n")
    own = ("attack=audit", "dataset=arrays", f"dataset.root={tmp_path / 'data.npz'}", "target.split=random")
    return (
        *own,
        "target.shadow_models=4",
        "evaluation.replicates=80",
        "logger=none",
        f"paths.outputs={tmp_path / 'o'}",
    )


@pytest.mark.parametrize(
    ("more", "unknown"),
    [
        (("target.call=serve.py:predict", "target.batch_size=50", "target.train=train.py:fit"), "4 of 4 shadow models"),
        (("target=http", "target.url=http://127.0.0.1:9/predict"), "400 records are to be sent"),
    ],
    ids=["train", "http"],
)
def test_an_audit_is_planned_without_the_users_training_and_without_an_endpoint(
    words: tuple[str, ...], more: tuple[str, ...], unknown: str, tmp_path: Path
) -> None:
    """Catches a plan that trains by the user's code, asks about all records or sends a request, or is silent."""
    words = (
        *words,
        *(word.replace("=serve", f"={tmp_path}/serve").replace("=train", f"={tmp_path}/train") for word in more),
    )
    cost, ended = plan(*words)
    assert cost.queries == {"probabilities": 400} and not to_train(cost)
    assert f"unknown  {unknown}" in ended.out and cost.parts["attack"].cpu > 0
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.slow
def test_models_that_stand_in_are_planned_as_they_are_trained(words: tuple[str, ...], tmp_path: Path) -> None:
    """Catches stand-ins that a plan does not count, or whose keys a run does not find."""
    (tmp_path / "serve.py").write_text(SERVE.replace("assert", "assert 1 or"))
    ours = ("target.stand_in=true", "model=mlp", "model.widths=[8]", "objective.epochs=3")
    words = (*words, f"target.call={tmp_path / 'serve.py'}:predict", *ours)
    cost, _ = plan(*words)
    assert {models.owner: models.to_train for models in cost.models} == {"shadows": 4}
    assert command(*words).code == 0
    assert to_train(cost) == trained(tmp_path / "o" / "store")
    again, _ = plan(*words)
    assert {entry.there for entry in again.entries if entry.kind in TRAINED} == {True}


def test_answers_of_a_file_are_planned(tmp_path: Path) -> None:
    """Catches a plan refused of what trains nothing, and one that leaves replicates out, or takes them."""
    rows = "".join(f"{score:.4f},{number % 2}\n" for number, score in enumerate(np.random.default_rng(0).random(300)))
    (tmp_path / "scores.csv").write_text("score,member\n" + rows)
    file = (
        "attack=scores",
        f"scores={tmp_path / 'scores.csv'}",
        "scores.layout=csv",
        f"paths.outputs={tmp_path / 'o'}",
    )
    taken: list[int] = []
    scored = Played.scored

    def noted(played: Played, replicates: int, seed: int) -> Scored:
        taken.append(replicates)
        ended = time.process_time() + replicates / 1000
        while time.process_time() < ended:
            pass
        return scored(played, 10, seed)

    with mock.patch.object(Played, "scored", noted):
        cost, _ = plan(*file, "evaluation.replicates=50000")
    assert taken == [60, 10, 60] and not to_train(cost) and cost.queries == {}
    assert cost.parts["attack"].cpu == pytest.approx(50, abs=20)
