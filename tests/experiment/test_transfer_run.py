"""attack=tmi as a command: what it leaves behind, and bad input told in one line before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.experiment.commands import command

WORDS = ("attack=tmi", "scale=smoke", "logger=none", "evaluation.replicates=100")
LINES = {
    "downstream=b3db": ("downstream=B3DB", "holds molecules"),
    "dataset=digits downstream=coarse": ("downstream=digits", "has no coarse labels"),
    "dataset=digits downstream=digits": ("fine-tuning records are challenge points too", "drop_shared"),
    "objective.tune=last_k objective.last_k=9": ("objective.last_k=9", "at most"),
    "objective.tune=top": ("objective.tune=top", "head, last_k, all"),
    "objective.classes=7": ("objective.classes=7", "10"),
    "objective.pretraining.classes=7": ("objective.pretraining.classes=7", "10"),
    "objective.pretraining.epochs=many": ("objective.pretraining.epochs=many", "a whole number"),
    "downstream=none": ("downstream=none", "downstream=digits"),
    "objective=classification": ("downstream=digits", "objective=transfer"),
    "downstream=other_classes downstream.pretraining=[0,1,2,3,4,5,6,7,8]": ("downstream.pretraining", "leaves 1 of 10"),
    "downstream_share=0": ("downstream_share=0", "above 0"),
    "downstream_share=0.001": ("downstream_share=0.001", "2 of pools.finetune=300"),
    "attack.top_k=10": ("attack.top_k=10", "below 10"),
    "defense=dp_sgd defense.epsilon=1e-5": ("defense.epsilon=1e-05", "no noise reaches it"),
    "defense=dp_sgd defense.on=first defense.epsilon=1e-5": ("defense.epsilon=1e-05", "no noise reaches it"),
    "downstream=other_classes downstream.pretraining=[0,99]": ("downstream.pretraining=[0, 99]", "from 0 to 9"),
    "pools.finetune=0": ("pools.finetune=0", "at least 2"),
    "pools.finetune=5000": ("pools=5200", "digits", "ask for fewer"),
    "share_initial_weights=some": ("share_initial_weights=some", "true or false"),
    "victims=2 shadow_models=1": ("TMI needs 4 shadow models", "shadow_models counted"),
    "attack.preset=paper": ("attack.preset=paper", "released_code, standardised"),
    "rivals=lira": ("rivals=lira", "downstream classes", "rivals=transfer"),
    "rivals=ceiling attack=vector_lira objective=transfer downstream=digits pools.finetune=100 model=gin": (
        "model=gin",
        "takes molecules",
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_bad_input_is_told_in_one_line_and_trains_nothing(line: str, tmp_path: Path) -> None:
    """Catches a traceback, a field that is not named, and a mistake found only after all training."""
    ended = command(*WORDS, f"paths.outputs={tmp_path}", "paths.cache=outputs/cache", *line.split())
    told = [text for text in ended.err.splitlines() if text.startswith("error:")]
    assert ended.code == 2 and len(told) == 1 and all(part in told[0] for part in LINES[line]), ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "store" / "release").exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tmi")
    ended = command(*WORDS, f"paths.outputs={folder}", "paths.cache=outputs/cache", f"hydra.run.dir={folder}/run")
    assert ended.code == 0, ended.err
    return folder


def test_the_table_has_the_ceiling_the_rivals_and_the_controls(run: Path) -> None:
    """Catches a transfer that is attacked without what it has to be compared with."""
    document = json.loads((run / "run" / "metrics.json").read_text())
    assert set(document["controls"]) == {"untrained", "disjoint", "shuffled"}
    assert {"ceiling", "tmi_standardised", "vector_lira", "adapted_lira", "rmia_argmax"} <= set(document["rivals"])
    assert {"accuracy", "train_accuracy", "pretrained_accuracy", "pretrained_train_accuracy"} <= set(document["target"])


def test_victims_are_attacked_and_shadow_models_are_not(run: Path) -> None:
    """Catches scores of models that only serve as shadows."""
    with np.load(run / "run" / "evidence.npz", allow_pickle=False) as arrays:
        assert arrays["target"].shape == arrays["membership"].shape == (6, 100)


def test_another_way_of_tuning_finds_the_pre_trained_models_in_the_store(run: Path) -> None:
    """Catches pre-training repeated for each fine-tuning."""
    before = {path.name for path in (run / "store" / "release").iterdir()}
    words = (*WORDS, f"paths.outputs={run}", "paths.cache=outputs/cache", "controls=none", "rivals=none")
    assert command(*words, "objective.tune=all").code == 0
    assert len({path.name for path in (run / "store" / "release").iterdir()} - before) == 8
