"""Early stopping: release the weights of the epoch with the lowest validation loss (baseline of Song & Mittal 2021)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, ClassVar

from telltale.checks import choice, share
from telltale.data.records import Records
from telltale.errors import InputError
from telltale.owner.defense import Defense, ProtectedRecipe, Stage
from telltale.training.objective import Objective

VALIDATE_ON = ("public", "own")


@dataclass(frozen=True)
class EarlyStopping(Defense):
    """The owner picks the epoch by the loss on records that no weight was trained on.

        validate_on  public = the public records (pools.public, else auxiliary): every member is trained on |
                     own = a share of the members, drawn by seed, which are held back
        share        of the members held back, of validate_on=own

    All epochs are trained and the best one is kept, so that the learning rate's schedule stays as it was. Records held
    back count as members all the same: the owner used them, and the choice of epoch depends on them. But hardly any
    trace of them is in the weights, so that no attack can find more than 1 - `share` of the members and a few; the
    truth, and `train_…` of the utility, are over members of both kinds. Set beside no defence, `own` compares owners
    with equally many records, `public` models that were trained on equally many. Raises InputError for options out of
    range, where too few records are left to train on, and for public records in a transfer, whose task is another.
    """

    stage: ClassVar[Stage] = "training"
    validate_on: str = "public"
    share: float = 0.1
    validation: Records | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        choice("defense.validate_on", self.validate_on, VALIDATE_ON)
        share("defense.share", self.share, whole=False)

    def with_public(self, public: Records | None) -> EarlyStopping:
        """Validate on these records, where it is on public ones."""
        defense = replace(self)
        object.__setattr__(defense, "validation", public if self.validate_on == "public" else None)
        return defense

    def check(self, recipe: ProtectedRecipe) -> None:
        """Refuse public records in a transfer: they are of the pre-training's task."""
        if self.validate_on == "public" and recipe.start is not None:
            expected = "own: in a transfer the public records are of the pre-training's task, not of the downstream one"
            raise InputError("defense.validate_on", self.validate_on, expected)

    def prepare(self, objective: Objective) -> None:
        """Have the fit hold records back, or validate on others (telltale.training.validation)."""
        objective.validates, objective.validation_records = True, self.validation
        objective.validation_share = self.share if self.validate_on == "own" else 0.0

    def document(self) -> dict[str, Any]:
        """Describe it, and public records by their digest."""
        known: Any = self.validation
        digest = None if known is None else blake2b(known.fingerprints().tobytes(), digest_size=16).hexdigest()
        options = {"validate_on": self.validate_on, "share": self.share if self.validate_on == "own" else None}
        return {"_target_": f"{type(self).__module__}.{type(self).__qualname__}", **options, "validation": digest}
