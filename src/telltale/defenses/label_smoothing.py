"""Label smoothing: train on targets that are not quite sure (Szegedy et al. 2016, section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from telltale.checks import share
from telltale.errors import InputError
from telltale.owner.defense import Defense, Stage
from telltale.training.objective import Objective


@runtime_checkable
class Smoothing(Protocol):
    """An objective whose cross-entropy has smoothed targets."""

    label_smoothing: float


@dataclass(frozen=True)
class LabelSmoothing(Defense):
    """target = (1 - α) · one-hot + α / K,  K classes.

    It changes calibration and can make some attacks stronger (a member's answer settles at a fixed distance from
    certainty): measure it. Raises InputError for alpha out of range, and for an objective without classes.
    """

    stage: ClassVar[Stage] = "training"
    separable: ClassVar[bool] = True
    alpha: float = 0.3

    def __post_init__(self) -> None:
        share("defense.alpha", self.alpha, zero=True, whole=False, expected="from 0 to below 1")

    def prepare(self, objective: Objective) -> None:
        """Set the option of the objective's cross-entropy."""
        if not isinstance(objective, Smoothing):
            raise InputError("defense", "label_smoothing", "smooths class labels; needs objective=classification")
        objective.label_smoothing = self.alpha
