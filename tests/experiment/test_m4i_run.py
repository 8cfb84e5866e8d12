"""M^4I as a command: what it leaves behind, and bad input told in one line before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.experiment.commands import command
from tests.training.trunks import weights_of

WORDS = ("scale=smoke", "logger=none", "evaluation.replicates=100", "controls=none")
LINES = {
    "attack=m4i_metric attack.scenario=constrained": ("attack.scenario=constrained", "fetch_data emoji_twitter"),
    "attack=m4i_feature dataset.nonmember_source=other_dataset": ("nonmember_source=other_dataset", "second source"),
    "attack=m4i_metric attack.scenario=open": ("attack.scenario=open", "unrestricted, data_only"),
    "attack=m4i_metric attack.shadows=0": ("attack.shadows=0", "from 1"),
    "attack=m4i_metric pools.auxiliary=2": ("pools.auxiliary=2", "at least 8"),
    "attack=m4i_metric pools.members=900": ("pools=", "concepts asked for"),
    "attack=m4i_metric dataset=fashion_mnist": ("model=captioner", "holds images"),
    "attack=m4i_metric model=cnn": ("model=cnn", "takes images"),
    "attack=lira dataset=emoji_captions model=captioner objective=captioning": ("attack=lira", "holds captions"),
    "attack=m4i_feature attack.loss=triplet": ("attack.loss=triplet", "mse, infonce"),
    "attack=m4i_metric rivals=lira": ("rivals=lira", "rivals=none"),
}

# with a file of random weights of a ResNet-18 in the place of FILE
FROZEN = ("model.trunk.residual=resnet18", "model.weights.residual=FILE", "model.side=32")
FROZEN_LINES = {
    "attack=m4i_metric model.weights.residual=none.safetensors": ("model.weights.residual=", "is no file", "resnet152"),
    "attack=m4i_metric model.weights.residual=README.md": ("model.weights.residual=", "is not a safetensors file"),
    "attack=m4i_metric model.weights.residual=FILE": ("model.weights.residual=", "not [64, 64, 1, 1]", "resnet152"),
    "attack=m4i_feature attack.weights=README.md": ("attack.weights=README.md", "is not a safetensors file"),
    "attack=m4i_metric FROZEN attack.scenario=data_only": ("model.weights.vgg=null", "vgg16", "scenario=data_only"),
    "attack=m4i_metric model.trunk=resnet18": ("model.trunk=resnet18", "expected keys"),
    "attack=m4i_metric FROZEN model.encoder=vgg": ("model.weights.vgg=null", "vgg16 as safetensors"),
    "attack=m4i_metric FROZEN objective.augmentation=noise": ("objective.augmentation=noise", "model=captioner"),
    "attack=m4i_metric FROZEN defense=augmentation": ("defense=augmentation", "a frozen trunk sees each once"),
}


def with_file(line: str, folder: Path) -> list[str]:
    return line.replace("FROZEN", " ".join(FROZEN)).replace("FILE", weights_of("resnet18", folder)).split()


@pytest.mark.parametrize("line", FROZEN_LINES)
def test_weights_that_cannot_be_used_are_told_in_one_line(line: str, tmp_path: Path) -> None:
    """Catches a trunk's file that is missed only by a shadow, or after all training."""
    words = (*WORDS, f"paths.outputs={tmp_path}", "paths.cache=outputs/cache")
    ended = command(*words, *with_file(line, tmp_path))
    told = [text for text in ended.err.splitlines() if text.startswith("error:")]
    assert ended.code == 2 and len(told) == 1 and all(part in told[0] for part in FROZEN_LINES[line]), ended.err
    assert not list(tmp_path.glob("store/release/*")) and not list(tmp_path.glob("store/features/*"))


@pytest.mark.parametrize("attack", ["m4i_metric", "m4i_feature"])
def test_a_run_on_a_frozen_trunk_computes_features_once_and_scores_every_control(attack: str, tmp_path: Path) -> None:
    """Catches a part of a run that hands pictures to a model that takes features."""
    second = (
        "attack.scenario=data_only",
        "model.trunk.vgg=vgg11",
        f"model.weights.vgg={weights_of('vgg11', tmp_path)}",
    )
    words = ("scale=smoke", "logger=none", "evaluation.replicates=100", "rivals=none", "objective.epochs=1")
    folder = (f"paths.outputs={tmp_path}", "paths.cache=outputs/cache", f"hydra.run.dir={tmp_path}/run")
    ended = command(f"attack={attack}", *words, *folder, *with_file("FROZEN", tmp_path), *second)
    assert ended.code == 0, ended.err
    assert "shadow trunk: vgg11, frozen, instead of the target's resnet18" in " ".join(ended.out.split())
    document = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {"disjoint", "untrained", "zero_query"} <= set(document["controls"])
    kept: dict[str, list[bytes]] = {"resnet18": [], "vgg11": []}
    for file in tmp_path.glob("store/features/*/entry.json"):
        kept[json.loads(file.read_text())["trunk"]] += np.load(file.parent / "digests.npy", allow_pickle=False).tolist()
    assert all(own and len(own) == len(set(own)) for own in kept.values())


@pytest.mark.parametrize("line", LINES)
def test_bad_input_is_told_in_one_line_and_trains_nothing(line: str, tmp_path: Path) -> None:
    """Catches a traceback, a field that is not named, and a mistake found only after all training."""
    ended = command(*WORDS, f"paths.outputs={tmp_path}", "paths.cache=outputs/cache", *line.split())
    told = [text for text in ended.err.splitlines() if text.startswith("error:")]
    assert ended.code == 2 and len(told) == 1 and all(part in told[0] for part in LINES[line]), ended.err
    assert not list(tmp_path.glob("store/release/*"))


@pytest.mark.slow
def test_a_run_leaves_captions_scores_and_differences_behind(tmp_path: Path) -> None:
    """Catches an attack that is not scored, and a scenario that is not told."""
    words = ("attack=m4i_feature", "attack.scenario=data_only", "scale=smoke", "logger=none", "rivals=max_renyi")
    ended = command(*words, "objective.epochs=1", f"paths.outputs={tmp_path}", f"hydra.run.dir={tmp_path}/run")
    assert ended.code == 0, ended.err
    assert "vgg instead of the target's residual" in " ".join(ended.out.split())
    document = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {"disjoint", "untrained", "zero_query", "shuffled_shadows"} <= set(document["controls"])
    assert {"balanced_accuracy", "auc", "tpr_at_fpr_0.01", "rouge_l_gap"} <= set(document["metrics"])
    with np.load(tmp_path / "run" / "evidence.npz", allow_pickle=False) as evidence:
        assert evidence["target"].shape == (1, 80)
    assert len((tmp_path / "run" / "captions.csv").read_text().splitlines()) == 81
    assert "member, most exposed #1" in (tmp_path / "run" / "report.html").read_text()
