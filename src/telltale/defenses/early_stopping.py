"""Early stopping: release the weights of the epoch with the lowest validation loss (baseline of Song & Mittal 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from telltale.checks import share
from telltale.owner.defense import Defense, Stage
from telltale.training.objective import Objective


@dataclass(frozen=True)
class EarlyStopping(Defense):
    """The owner trains on 1 - `share` of the records and picks the epoch by the loss on the rest, drawn by seed.

    All epochs are trained and the best one is kept, so that the learning rate's schedule stays as it was. The
    records held back count as members all the same: the owner used them, and the choice of epoch depends on them.
    But hardly any trace of them is in the weights, so that no attack can find more than 1 - `share` of the members
    and a few; the truth, and `train_…` of the utility, are over members of both kinds. A comparison with no defence
    is one of owners with equally many records, not of models trained on equally many. Raises InputError for a share
    out of range, and where too few records are left to train on.
    """

    stage: ClassVar[Stage] = "training"
    share: float = 0.1

    def __post_init__(self) -> None:
        share("defense.share", self.share, whole=False)

    def prepare(self, objective: Objective) -> None:
        """Have the fit hold records back (telltale.training.validation)."""
        objective.validation_share = self.share
