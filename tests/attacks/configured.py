"""Every membership attack on classifiers that conf/ has a word for, and more of their options: what worlds try out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig

from telltale.attacks.base import Attack
from telltale.attacks.membership.audit import Audit
from telltale.attacks.membership.bayes_optimal import BASE
from telltale.attacks.membership.lira import LiRA
from telltale.attacks.membership.own_reconstruction import OwnReconstruction
from telltale.attacks.membership.quantile_regression import QuantileRegression
from telltale.attacks.membership.threshold import Threshold
from telltale.attacks.membership.vector_lira import VectorLiRA
from telltale.configuration.command_line import register_resolvers
from telltale.evidence import MembershipScores
from telltale.game.world import World
from tests.rules.house import CONF

GROUPS = ("rivals", "attack")
CALLS = frozenset({"probabilities", "labels"})  # what a classifier answers
ELSEWHERE = (
    Audit,  # stands for others, and asks nothing itself
    OwnReconstruction,  # asks of synthetic twins, which no known world has: test_own_reconstruction
    QuantileRegression,  # fits trees for every victim, of which worlds have many: test_quantile_regression
)
WITHOUT_A_WORD: Mapping[str, Attack] = {
    "lira_global": LiRA(variance="pooled"),
    "lira_median": LiRA(variance="pooled", centre="median"),
    "lira_offline_fixed": LiRA(online=False, variance="pooled_per_side"),
    "base_offline": BASE(online=False),
    "confidence": Threshold("confidence"),
    "logit": Threshold("logit"),
    "entropy": Threshold("entropy"),
    "vector_lira_global": VectorLiRA(variance="pooled"),
}


def configured(folder: Path) -> dict[str, Attack]:
    """Build the rivals and attacks of a configuration that judge membership by what a classifier answers.

    Of equal ones the first stays: the attack of a word is mostly a rival too.
    """
    chosen: dict[str, Attack] = {}
    for name, options in _named(folder):
        kind = get_object(options["_target_"])
        if kind.hands_over is not MembershipScores or kind in ELSEWHERE:
            continue
        one: Attack = instantiate(options)
        fits = one.access <= CALLS and "table" in one.accepts  # what the known worlds hold
        if fits and not one.before_transfer and not any(_alike(one, other) for other in chosen.values()):
            chosen[f"attack={name}" if name in chosen else name] = one
    return chosen


def _named(folder: Path) -> list[tuple[str, DictConfig]]:
    """Compose the options of all rivals, at once, and of every attack."""
    rivals, attacks = (sorted(file.stem for file in (folder / group).glob("[!_]*.yaml")) for group in GROUPS)
    register_resolvers()
    with initialize_config_dir(str(folder), version_base="1.3"):
        together = compose("config", [f"rivals=[{','.join(rivals)}]"]).rivals
        alone = [(word, compose("config", [f"attack={word}"]).attack) for word in attacks]
    return [*((str(name), options) for name, options in together.items()), *alone]


def judged(attack: Attack, world: World) -> MembershipScores:
    """Run an attack that hands over scores."""
    evidence = attack.run(world)
    assert isinstance(evidence, MembershipScores)
    return evidence


def _alike(one: Attack, other: Attack) -> bool:
    return (type(one), vars(one)) == (type(other), vars(other))


ATTACKS = {**configured(CONF), **WITHOUT_A_WORD}
