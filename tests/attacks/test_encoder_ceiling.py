"""Ceilings of a transfer: classes have LiRA by the true one, encoders the distances of their embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from telltale.attacks.membership.thresholds import areas
from telltale.attacks.tmi.attack import TMI
from telltale.attacks.tmi.encoder_ceiling import EncoderCeiling
from telltale.configuration.compatibility import rivals_of
from telltale.configuration.contest import contestants
from telltale.evidence import MembershipScores
from tests.attacks.remembering import game_of
from tests.experiment.commands import ROOT


def pretrained(word: str, supervised: bool, answers: frozenset[str]) -> SimpleNamespace:
    options = OmegaConf.load(ROOT / "conf" / "objective" / f"{word}.yaml")
    return SimpleNamespace(objective=options, start=None, supervised=supervised, answers=answers, publishes=False)


CLASSES = pretrained("classification", True, frozenset({"probabilities", "labels"}))
ENCODER = pretrained("infograph", False, frozenset())
CEILINGS = {"ceiling", "encoder_ceiling"}


def rivals(start: Any) -> Mapping[str, Any]:
    """Return the rivals of a transfer from such a start, on molecules."""
    folder = ROOT / "conf" / "rivals"
    files = [folder / f"{name}.yaml" for name in OmegaConf.load(folder / "transfer.yaml").defaults]
    group: Any = OmegaConf.merge(*map(OmegaConf.load, files))
    recipe: Any = SimpleNamespace(**{**vars(CLASSES), "start": start})
    records: Any = SimpleNamespace(kind="molecules")
    return rivals_of(group, TMI(), records, recipe)


@pytest.mark.parametrize(("start", "found"), [(CLASSES, {"ceiling"}), (ENCODER, {"encoder_ceiling"}), (None, set())])
def test_each_kind_of_pre_training_has_the_ceiling_it_can_answer(start: Any, found: set[str]) -> None:
    """Catches LiRA by a class that an encoder does not have, two ceilings in one table, and one of nothing."""
    assert set(rivals(start)) & CEILINGS == found
    assert {"tmi_standardised", "vector_lira"} <= set(rivals(start))


def test_a_ceiling_is_no_contestant() -> None:
    """Catches an answer at the top of the report that is of models which no attacker sees."""
    assert not CEILINGS & set(contestants(TMI(), rivals(ENCODER)))


@pytest.mark.parametrize(("strength", "least", "most"), [(None, 0.8, 1.0), (0.0, 0.35, 0.65)])
def test_it_finds_what_encoders_remember_and_nothing_where_there_is_nothing(
    strength: float | None, least: float, most: float, tmp_path: Path
) -> None:
    """Catches distances that are not calibrated, and shadows whose rows tell the victim's."""
    game = game_of(tmp_path) if strength is None else game_of(tmp_path, strength=strength)
    evidence, truth = EncoderCeiling().run(game.world(EncoderCeiling.access)), game.unseal().membership
    assert isinstance(evidence, MembershipScores)
    area = float(areas(evidence.scores.reshape(1, -1), np.asarray(truth).reshape(1, -1))[0])
    assert least < area <= most
