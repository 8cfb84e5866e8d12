"""Augmentation: pictures are flipped, shifted and noised while training (as a defence: Kaya & Dumitras, ICML 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from telltale.checks import choice
from telltale.errors import InputError
from telltale.objectives.augmentation import AUGMENTATIONS
from telltale.owner.defense import Defense, Stage
from telltale.training.objective import Objective


@runtime_checkable
class Augmenting(Protocol):
    """An objective that changes its pictures while training."""

    augmentation: str


@dataclass(frozen=True)
class Augmentation(Defense):
    """Train on t(x), where t is drawn anew for each picture and epoch (objectives/augmentation.py).

    kind: of t, one of AUGMENTATIONS, in place of the recipe's own. The attacker queries with the picture itself.
    Raises InputError for a kind that does not exist, and for an objective that cannot change its pictures.
    """

    stage: ClassVar[Stage] = "training"
    separable: ClassVar[bool] = True
    kind: str = "shift_flip_noise"

    def __post_init__(self) -> None:
        choice("defense.kind", self.kind, AUGMENTATIONS[1:])

    def prepare(self, objective: Objective) -> None:
        """Set the objective's option."""
        if not isinstance(objective, Augmenting):
            expected = "changes pictures; needs objective=captioning, or objective=classification on pictures"
            raise InputError("defense", "augmentation", expected)
        objective.augmentation = self.kind
