"""A target that openly remembers its training molecules: the public command must find it, its controls must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiment.commands import command, read

PLANTED = (
    "trust=true",
    "model._target_=tests.planted.PlantedEncoder",
    "objective._target_=tests.planted.PlantedObjective",
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("planted")
    places = (f"hydra.run.dir={folder}/run", f"paths.store={folder}/store")
    quick = ("scale=smoke", "logger=none", "evaluation.replicates=200", "attack.rivals=[random,fixed]")
    ended = command("attack=molextract", *quick, *PLANTED, *places)
    assert ended.code == 0, ended.err
    return read(Path(folder) / "run" / "metrics.json")


def test_planted_memory_is_found(found: dict) -> None:
    """Catches an attack whose scores, candidates and truth do not belong together, anywhere on the way."""
    metrics = found["metrics"]
    assert found["target"]["molecules_stored"] == 300
    assert metrics["novel_auc"]["value"] > 0.9
    assert metrics["discordant_auc"]["value"] > 0.9
    assert metrics["memory_gain_auc"]["low"] > 0.1 and metrics["mirrored_memory_gain_auc"]["low"] > 0.1
    assert metrics["exact_membership_auc"]["value"] > 0.9
    assert metrics["novel_precision_at_10"]["value"] == 1


def test_planted_memory_is_leakage_over_every_control(found: dict) -> None:
    """Catches a difference taken the wrong way round, or against the wrong control."""
    for metric in ("auc", "novel_auc", "exact_membership_auc"):
        assert found["leakage"][metric]["low"] > 0, metric


def test_leakage_is_not_told_against_a_guess_without_the_model(found: dict) -> None:
    """Catches a blind guess, which may be the better chemist, taken for a control that must be beaten."""
    assert {of["control"] for of in found["leakage"].values()} <= {"untrained", "disjoint"}


def test_no_control_shows_the_planted_memory(found: dict) -> None:
    """Catches a control that is given the target's weights, records or releases."""
    target, controls = found["metrics"], found["controls"]
    assert set(controls) == {"zero_query", "untrained", "disjoint"}
    assert controls["untrained"]["novel_auc"]["value"] == pytest.approx(0.5)
    for name in ("untrained", "disjoint"):
        interval = controls[name]["exact_membership_auc"]
        assert interval["low"] <= 0.5 <= interval["high"], name
        assert controls[name]["novel_auc"]["value"] < target["novel_auc"]["value"] - 0.1, name


def test_a_rival_that_asks_the_release_finds_it_and_chance_does_not(found: dict) -> None:
    """Catches rivals that are run on another world than the target's."""
    assert found["rivals"]["fixed"]["novel_auc"]["value"] > 0.9
    assert found["rivals"]["random"]["novel_auc"]["value"] < 0.7
