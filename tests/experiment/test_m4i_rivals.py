"""Rivals of M^4I's attacks: each another attack than the target and than the others, and with the target's options."""

from __future__ import annotations

from itertools import combinations, product
from types import SimpleNamespace
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from telltale.attacks.base import Attack
from telltale.attacks.m4i.feature import FeatureM4I
from telltale.attacks.m4i.metric import DECISIONS, FEATURES, MetricM4I
from telltale.configuration.command_line import register_resolvers
from telltale.configuration.compatibility import rivals_of
from telltale.errors import InputError
from tests.experiment.commands import ROOT


def composed(*words: str) -> DictConfig:
    GlobalHydra.instance().clear()
    register_resolvers()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", list(words))
    OmegaConf.resolve(cfg)
    return cfg


def met(*words: str) -> tuple[Attack, dict[str, Attack]]:
    """Return the attack that the words name, and its rivals."""
    cfg = composed(*words)
    records: Any = SimpleNamespace(kind="captions")
    recipe: Any = SimpleNamespace(start=None, objective={"_target_": cfg.objective._target_})
    attack = instantiate(cfg.attack)
    return attack, rivals_of(cfg.rivals, attack, records, recipe)


METRIC = [
    f"attack=m4i_metric attack.features={features} attack.decision={decision} attack.bleu_orders={orders}"
    for features, decision, orders in product(FEATURES, DECISIONS, (3, 4))
]
FEATURE = [
    f"attack=m4i_feature attack.loss={loss} attack.decision={decision} {more}"
    for loss, decision, more in product(("mse", "infonce"), ("network", "distance"), ("", "attack.epochs=5"))
]


@pytest.mark.parametrize("line", METRIC + FEATURE)
def test_no_rival_is_the_target_or_another_rival_under_a_second_name(line: str) -> None:
    """Catches one attack that stands twice in a table, whatever of it is chosen."""
    attack, rivals = met(*line.split())
    named = {"target": attack, **rivals}
    twins = [pair for pair in combinations(named, 2) if options(named[pair[0]]) == options(named[pair[1]])]
    assert not twins and len(rivals) >= 6


def options(attack: Attack) -> tuple[type, dict[str, Any]]:
    """Return what an attack is, less an option that it does not look at."""
    unused = {"bleu_orders"} if vars(attack).get("features") == "rouge" else set()
    return type(attack), {name: value for name, value in vars(attack).items() if name not in unused}


@pytest.mark.parametrize("features", ["rouge", "bleu", "both"])
def test_rivals_differ_from_a_metric_based_target_in_features_or_in_the_decision(features: str) -> None:
    """Catches a row that is missing, or called otherwise than the words that name it."""
    _, rivals = met("attack=m4i_metric", f"attack.features={features}", "attack.bleu_orders=4")
    found = {name: one for name, one in rivals.items() if isinstance(one, MetricM4I)}
    expected = {f"{other}_svm_released" for other in FEATURES if other != features}
    expected |= {f"{features}_{decision}" for decision in DECISIONS if decision != "svm_released"}
    if features != "rouge":  # as conf/rivals/m4i_metric.yaml has it
        expected = expected - {"rouge_svm_released"} | {"m4i_metric"}
    assert set(found) == expected and all(one.bleu_orders == 4 for one in found.values())


def test_feature_based_rivals_take_over_the_targets_options() -> None:
    """Catches rivals that are trained otherwise than the target they are compared with, in silence."""
    changed = "shadow_share=1 width=64 epochs=5 batch_size=32 channels=[8,16] marks=true hidden=8 weight_decay=0.5"
    _, rivals = met("attack=m4i_feature", *(f"attack.{word}" for word in changed.split()))
    found = [one for one in rivals.values() if isinstance(one, FeatureM4I)]
    assert len(found) == 3 and all(one.scenario.shadow_share == 1 for one in found)
    assert {(one.network.hidden, one.network.weight_decay) for one in found} == {(8, 0.5)}
    extractors = [vars(one.extractor) for one in found]
    expected = {"width": 64, "epochs": 5, "batch_size": 32, "channels": (8, 16), "marks": True}
    assert all({name: one[name] for name in expected} == expected for one in extractors)


def test_feature_based_rivals_of_another_attack_are_those_of_its_file() -> None:
    """Catches a default that is not the one of conf/attack/m4i_feature.yaml."""
    own, (_, rivals) = met("attack=m4i_feature", "scale=small")[0], met("attack=m4i_metric", "scale=small")
    assert options(own) == options(rivals["m4i_feature"])


def test_an_attack_of_another_kind_has_no_such_rivals_and_is_told_so() -> None:
    """Catches a message about options, which are that attack's own and mean something else."""
    cfg = composed("attack=tmi", "rivals=m4i_feature")
    with pytest.raises(InputError, match=r"rivals=m4i_feature: .*use rivals=none"):
        rivals_of(cfg.rivals, instantiate(cfg.attack), SimpleNamespace(kind="images"), SimpleNamespace(start=None))  # type: ignore[arg-type]
