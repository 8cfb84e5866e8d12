"""Settings of the searches that learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from telltale.checks import choice, number, share, whole_number
from telltale.errors import InputError

LEARNED = "learned"


@dataclass(frozen=True)
class PolicyOptions:
    """Settings of soft actor-critic and of policy gradient; the paper's, where it has one.

    epochs         roll-outs and updates in turn
    molecules      grown in each epoch
    width          of the networks
    learning_rate  of Adam
    weight_decay   of Adam
    retrain_from   epoch from which the scorer is trained on each epoch's molecules too
    scorer_steps   of Adam, in each of these epochs
    temperature    weight of the entropy, or `learned`: towards an entropy of 1, from 1, never below 0.05
    random_share   of the epochs in which actions are drawn at random, at the start
    updates        gradient steps an epoch
    batch_size     steps of molecules in a gradient step
    replay         steps that are kept; the oldest go first
    polyak         share of a target network that stays as it is at a gradient step

    The last six are soft actor-critic's alone.
    """

    epochs: int = 100
    molecules: int = 256
    width: int = 128
    learning_rate: float = 0.01
    weight_decay: float = 1e-6
    retrain_from: int = 5
    scorer_steps: int = 10
    temperature: float | str = 1.0
    random_share: float = 0.06
    updates: int = 16
    batch_size: int = 32
    replay: int = 1_000_000
    polyak: float = 0.995

    def __post_init__(self) -> None:
        for name in ("epochs", "molecules", "width", "scorer_steps", "updates", "batch_size", "replay"):
            whole_number(f"attack.policy.{name}", getattr(self, name))
        whole_number("attack.policy.retrain_from", self.retrain_from, 0)
        number("attack.policy.learning_rate", self.learning_rate, above=0)
        number("attack.policy.weight_decay", self.weight_decay, least=0)
        share("attack.policy.random_share", self.random_share, zero=True)
        share("attack.policy.polyak", self.polyak, zero=True, whole=False)
        if self.temperature != LEARNED:
            if isinstance(self.temperature, str):
                raise InputError("attack.policy.temperature", self.temperature, f"above 0, or {LEARNED}")
            number("attack.policy.temperature", self.temperature, above=0, expected=f"above 0, or {LEARNED}")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Take options by name; the paper's where none is given. Raises InputError for a name that is none."""
        names = [field.name for field in fields(cls)]
        for name in given:
            choice("attack.policy", name, names)
        return cls(**given)
