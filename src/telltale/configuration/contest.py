"""Which attacks of a run answer its question, and what a design of that kind could have missed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from telltale.attacks.base import Attack
from telltale.attacks.membership.shadow_attack import ShadowAttack

# what a classifier, a regression or a language model may be asked for
PREDICTORS = frozenset({"probabilities", "labels", "values", "text_log_probs"})
SHADOWS_A_SIDE = 4  # a mean and a variance of fewer models say next to nothing


def contestants(attack: Attack, rivals: Mapping[str, Attack]) -> tuple[str, ...]:
    """Name the evidence from which the strongest may be picked: who has no more access than the attack.

    Who sees probabilities sees labels. A ceiling meets other models than the release, or knows more, so it is none.
    """
    granted = attack.access | ({"labels"} if "probabilities" in attack.access else set())
    equal = (
        name
        for name, rival in rivals.items()
        if rival.access <= granted and not (rival.before_transfer or rival.yardstick)
    )
    return ("target", *equal)


def hindrances(attacks: Iterable[Attack], models: int) -> tuple[str, ...]:
    """Say why these attacks could miss a leak, whatever they find; models: victims and shadows."""
    shadowed = [attack for attack in attacks if isinstance(attack, ShadowAttack) and attack.access & PREDICTORS]
    if not shadowed:
        return ()
    if not any(attack.per_record for attack in shadowed):
        advice = "; add rivals=membership" if any("probabilities" in attack.access for attack in shadowed) else ""
        return (f"no attack asks how a model answers about a record that it never saw{advice}",)
    side = (models - 2) // 2  # the victim and its complement are left out
    if side < SHADOWS_A_SIDE:
        return (f"{models} models give each record {side} shadows a side, LiRA needs {SHADOWS_A_SIDE}",)
    return ()
