"""Fine-tuning by the owner's own code: training goes on, without whatever an attacker had added to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from telltale.checks import number, whole_number
from telltale.data.records import Records
from telltale.defenses.quantization.fine_tuning import train_levels
from telltale.owner.defense import Defense, Stage
from telltale.training.objective import Objective


@dataclass(frozen=True)
class FineTuning(Defense):
    """Trains the finished network further, nothing of it compressed: what fine-tuned compression is compared with.

    epochs: passes over the training records; learning_rate: of Adam, without weight decay, as in
    `FineTunedQuantization`. What an attacker added to loss and records plays no part. Raises InputError for options
    out of range.
    """

    stage: ClassVar[Stage] = "finish"
    epochs: int = 15
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        whole_number("defense.epochs", self.epochs)
        number("defense.learning_rate", self.learning_rate, above=0)

    def finish(self, objective: Objective, records: Records, train: Callable[[], None]) -> None:
        """Train all weights further."""
        train_levels(objective, {}, self.epochs, self.learning_rate, train)
