"""Which language model an attack on texts meets: the release, or the one that was fine-tuned into it."""

from __future__ import annotations

import copy
from typing import TypeVar

from telltale.attacks.base import Attack

LOG_PROBS, MOMENTS = "text_log_probs", "text_moments"  # calls of a released language model

A = TypeVar("A", bound=Attack)


def meeting(attack: A, answers: frozenset[str], before: frozenset[str]) -> A:
    """Return an attack that asks for log p of texts as it is where a release answers such calls.

    A classifier that was fine-tuned from a language model does not: then it meets that model, which no attacker of the
    transfer sees, and is a ceiling. answers, before: as in `Attack.against`.
    """
    if LOG_PROBS in answers or LOG_PROBS not in before:
        return attack
    ceiling = copy.copy(attack)
    ceiling.before_transfer = True
    return ceiling
