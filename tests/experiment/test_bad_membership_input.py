"""Bad input to attacks on classifiers ends in one line before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiment.commands import command

WORDS = ("scale=smoke", "logger=none", "evaluation.replicates=100")
LINES = {
    "attack=lira victims=4": ("victims=4", "LiRA needs 4 shadow models", "at least 6"),
    "attack=lira victims=8 pools.non_members=400": ("victims=8", "in all or none", "pools.non_members"),
    "attack=threshold victims=4": ("victims=4", "asked by the rival lira", "rivals=none"),
    "attack=threshold pools.population=0": ("pools.population=0", "asked by the rival rmia"),
    "attack=lira dataset=moses": ("model=mlp", "takes images or table", "holds molecules"),
    "attack=lira dataset=nci model=gin": ("dataset=nci", "labels of at least 2 classes"),
    "attack=lira dataset=b3db model=gin objective=infograph": ("attack=lira", "asks for probabilities"),
    "attack=threshold attack.signal=gap dataset=b3db model=gin objective=infograph rivals=none": (
        "attack=threshold",
        "asks for labels",
    ),
    "attack=embedding_membership dataset=nci rivals=loss": ("rivals=loss", "rivals=none"),
    "attack=molextract dataset=nci rivals=gap": ("rivals=gap", "gives MembershipScores", "rivals=none"),
    "attack=lira rivals.lira.online=false": ("rivals.lira.online", "set it as +rivals.lira.online="),
    "attack=lira rivals.lira.onlin=false": ("rivals.lira.onlin", "no such key"),
    "attack=lira rivals.lira=null": ("rivals.lira=null", "conf/rivals/", "~rivals.lira"),
    "attack=lira +controls.chance.x=1": ("controls.chance=", "controls=chance"),
    "attack=lira paths.store=null": ("paths.store=null", "a folder"),
    "attack=lira paths.store=true": ("paths.store=True", "a folder"),
    "attack=lira attack.variance=some": ("attack.variance=some", "per_point, pooled_per_side, pooled"),
    "attack=lira attack.augmentation=flip dataset=census": ("attack.augmentation=flip", "only pictures"),
    "attack=lira objective.augmentation=flip dataset=census": ("objective.augmentation=flip", "holds table"),
    "attack=lira objective.classes=5": ("objective.classes=5", "10"),
    "attack=lira model.shape=[1,5,5]": ("model.shape=[1, 5, 5]", "(1, 28, 28)"),
    "attack=lira model=cnn model.norm=layer": ("model.norm=layer", "none, batch, group"),
    "attack=lira model=resnet model.depth=9": ("model.depth=9", "8, 10, 14"),
    "attack=lira executor.chunk=0": ("executor.chunk=0", "whole number from 1"),
    "attack=lira defense=top_k_only defense.k=0": ("defense.k=0", "from 1"),
    "attack=rmia attack.label=argmax": ("attack.online=true", "false with attack.label=argmax"),
    "attack=lira +rivals.rmia.label=argmax": ("rivals.rmia.online=true", "false with rivals.rmia.label=argmax"),
    "attack=rmia attack.gamma=0": ("attack.gamma=0", "above 0"),
    "attack=canary_audit pools.canaries=0 pools.non_members=9": ("pools.canaries=0", "at least 1"),
    "attack=canary_audit pools.non_members=9": ("pools.non_members=9", "every other record is in every model"),
    "attack=canary_audit dataset=census": ("attack.canary=noise", "mislabelled"),
    "attack=canary_audit defense=dp_sgd attack.delta=1e-7": ("attack.delta=1e-07", "from 1e-05"),
    "attack=canary_audit rivals=loss": ("rivals=loss", "rivals=none"),
    "attack=lira defense=quantization defense.bits=9": ("defense.bits=9", "1 to 8"),
    "attack=lira defense=quantization defense.bits=0": ("defense.bits=0", "1 to 8"),
    "attack=language objective=transfer_texts downstream=none": ("downstream=none", "downstream=other_classes"),
    "attack=tmi dataset=wordnet model=transformer objective=language_modeling": (
        "downstream=other_classes",
        "choose downstream=none, or objective=transfer_texts",
    ),
    "attack=tmi dataset=census model=mlp downstream=other_classes": (
        "downstream=other_classes",
        "4 classes or more to part",
        "has 2: choose downstream=same_classes",
    ),
    "attack=lira paths.keep_weights=maybe": ("paths.keep_weights=maybe", "true or false"),
}


@pytest.mark.parametrize("line", LINES)
def test_bad_input_is_told_in_one_line_and_trains_nothing(line: str, tmp_path: Path) -> None:
    """Catches a traceback, a field that is not named, and a mistake found only after all training."""
    ended = command(*WORDS, f"paths.outputs={tmp_path}", "paths.cache=outputs/cache", *line.split())
    assert ended.code == 2, ended.err
    told = [text for text in ended.err.splitlines() if text.startswith("error:")]
    assert len(told) == 1 and all(part in told[0] for part in LINES[line]), ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "store" / "release").exists()


def test_nothing_is_learned_from_a_score_that_is_no_number(tmp_path: Path) -> None:
    """Catches logits of NaN that are ranked, and a failed run that calls itself finished."""
    words = (*WORDS, f"paths.outputs={tmp_path}", f"hydra.run.dir={tmp_path}/run", "controls=none", "rivals=none")
    ended = command(*words, "attack=lira", "victims=6", "objective.epochs=1", "objective.learning_rate=1e30")
    assert ended.code == 1 and "not finite" in ended.err and "model target" in ended.err
    assert '"status": "failed"' in (tmp_path / "run" / "run.json").read_text()
