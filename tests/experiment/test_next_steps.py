"""What a report tells a person to type next passes the plan's check, whatever was attacked and defended."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf, open_dict

from telltale.configuration.assembly import Plan, assemble
from telltale.configuration.command_line import register_resolvers
from telltale.configuration.contest import SHADOWS_A_SIDE
from telltale.evaluation.answer import CANNOT_TELL, LEAKS
from telltale.reporting.next_steps import ENOUGH, command, defense_for, to_know_better
from tests.experiment.commands import ROOT


def planned(*words: str, folder: Path) -> Plan:
    """Compose a command, a sweep's first job, and check the plan."""
    GlobalHydra.instance().clear()
    register_resolvers()
    first = [word.partition(",")[0] for word in words]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", [*first, f"paths.store={folder}"], return_hydra_config=True)
    choices = dict(cfg.hydra.runtime.choices)
    with open_dict(cfg):
        del cfg.hydra
    OmegaConf.resolve(cfg)
    plan = assemble(cfg, choices, folder, lambda *_: None)
    plan.check()
    return plan


@pytest.mark.parametrize(
    "typed",
    [
        "attack=nearest_synthetic",
        "attack=nearest_synthetic defense.mechanism.name=clip",
        "attack=nearest_synthetic defense.mechanism.epsilon=inf",
        "attack=lira rivals=synthetic defense=vae_metric_privacy defense.mechanism.epsilon=1",
        "attack=tmi",
        "attack=tmi model=resnet",
        "attack=threshold rivals=none victims=4",
        "attack=base rivals=none",
        "attack=quantized_encoding controls=none defense=pruning",
        "attack=language",
        "attack=canary_audit_texts",
        "attack=tmi dataset=wordnet model=transformer objective=transfer_texts downstream=other_classes",
        "attack=m4i_metric",
        "attack=m4i_metric dataset=scenes objective=captioning_from_scratch",
        "attack=caption_lira defense=label_smoothing",
        "attack=embedding_membership_captions",
        "attack=embedding_membership",
        "attack=range_membership",
        "attack=molextract attack.answers=values attack.cuts=0 attack.rivals=[] objective=regression "
        "dataset=b3db dataset.kind=values pools.members=200 pools.non_members=100 pools.auxiliary=200 "
        "pools.disjoint=200 pools.test=100",
    ],
)
def test_what_to_type_next_passes_the_check(typed: str, tmp_path: Path) -> None:
    """Catches advice that is refused: twins taken from an attack on twins, DP-SGD on BatchNorm, LiRA with 4 models."""
    words = [*typed.split(), "scale=smoke"]
    plan = planned(*words, folder=tmp_path)
    evidence = plan.attack.hands_over.__name__
    cfg: Any = OmegaConf.to_container(plan.cfg, resolve=True)
    changes = [
        defense_for(evidence, plan.choices, cfg),
        to_know_better(LEAKS, None, False, cfg, plan.choices, plan.pools.available, evidence),
        to_know_better(CANNOT_TELL, None, True, cfg, plan.choices, plan.pools.available, evidence),
    ]
    for change in changes:
        _, _, _, *proposed = shlex.split(command(words, change))
        planned(*(word for word in proposed if word != "-m"), folder=tmp_path)


def test_as_many_models_are_advised_as_the_answer_asks_for() -> None:
    """Catches advice after which a run still says that shadows are too few."""
    assert ENOUGH == 2 * SHADOWS_A_SIDE + 2  # the victim and its complement are no shadows
