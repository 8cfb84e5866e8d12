"""Weight decay: an L2 penalty that keeps weights small (as a defence: Shokri et al. 2017, section VIII-A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from telltale.checks import number
from telltale.owner.defense import Defense, Stage
from telltale.training.objective import Objective


@dataclass(frozen=True)
class WeightDecay(Defense):
    """Loss + λ/2 ‖θ‖², with λ in place of the recipe's own. Raises InputError for a negative λ.

    The optimisers add λ θ to the gradient: with sgd that is the penalty, with adam it is rescaled as all gradients.
    """

    stage: ClassVar[Stage] = "training"
    separable: ClassVar[bool] = True
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        number("defense.weight_decay", self.weight_decay, least=0)

    def prepare(self, objective: Objective) -> None:
        """Set the objective's option."""
        objective.weight_decay = self.weight_decay
