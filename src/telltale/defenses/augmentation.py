"""Augmentation: pictures are flipped, shifted and noised while training (as a defence: Kaya & Dumitras, ICML 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from telltale.checks import choice
from telltale.errors import InputError
from telltale.objectives.augmentation import AUGMENTATIONS
from telltale.owner.defense import Defense, Stage


@dataclass(frozen=True)
class Augmentation(Defense):
    """Train on t(x), t drawn anew for each picture and epoch (objectives/augmentation.py), in place of the recipe's.

    The attacker asks with the picture itself. Raises InputError for a kind that is none, and for an objective that
    cannot change its pictures.
    """

    stage: ClassVar[Stage] = "training"
    separable: ClassVar[bool] = True
    kind: str = "shift_flip_noise"

    def __post_init__(self) -> None:
        choice("defense.kind", self.kind, AUGMENTATIONS[1:])

    def prepare(self, objective: Any) -> None:
        """Set the objective's option."""
        if not hasattr(objective, "augmentation"):
            expected = "changes pictures; needs objective=captioning, or objective=classification on pictures"
            raise InputError("defense", "augmentation", expected)
        objective.augmentation = self.kind
