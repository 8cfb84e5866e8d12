"""What a defence is: the owner's change to exactly one stage of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from torch import Tensor, nn

from telltale.data.records import Records
from telltale.store.store import Store
from telltale.training.objective import Objective
from telltale.training.trainer import TrainerOptions

Stage = Literal["none", "data", "training", "finish", "model", "answer"]


class ProtectedRecipe(Protocol):
    """What a defence may look at in the recipe that it protects (telltale.owner.recipe.Recipe)."""

    @property
    def model(self) -> Mapping[str, Any]:
        """Resolved configuration of the model."""

    @property
    def objective(self) -> Mapping[str, Any]:
        """Resolved configuration of the objective."""

    @property
    def trainer(self) -> TrainerOptions:
        """Device, precision and processes."""

    @property
    def start(self) -> ProtectedRecipe | None:
        """Recipe of the pre-training."""

    @property
    def defenses(self) -> Sequence[Defense]:
        """All defences, in order."""

    @property
    def public(self) -> Records | None:
        """Records known to all."""

    def initial(self) -> Objective:
        """Return the objective with initial weights."""


class Trainer(Protocol):
    """What a data stage may have done by the owner whose models it protects (telltale.owner.owner.Owner)."""

    @property
    def store(self) -> Store:
        """Where trained models lie."""

    def train_many(
        self, recipe: Any, pool: Records, members: np.ndarray, seeds: Sequence[int], names: Sequence[str] = ()
    ) -> Sequence[Any]:
        """Train a recipe of the defence's own, once for each row of `members` (models, records): releases."""


@dataclass(frozen=True)
class Trained:
    """What was done to the records that a defence protects.

    kind           of the records
    records        how many
    ledger         what private training spent (training/private/ledger.py); None = it was not private
    transferred    whether the recipe has a start
    sources        the accounts of what its records were made with; None for what was not private
    classes        of the owner's task; 0 = none
    """

    kind: str
    records: int
    ledger: Mapping[str, Any] | None
    transferred: bool
    sources: tuple[Mapping[str, Any] | None, ...] = ()
    classes: int = 0


@dataclass(frozen=True)
class Defense:
    """Base of all defences; a subclass names its stage and overrides that stage's method, and no other.

    Stages: data = the records that the model is trained on | training = the loss it descends and its options |
    finish = the trained weights, changed with the training records at hand | model = the released network |
    answer = what a query returns.

    needs_records    `begin` looks at the records before training, so models are trained one by one
    publishes        the owner hands out the records that the data stage makes
    keeps_order      the data stage gives them an order, which stays
    separable        training stage: the loss stays a mean over records of each one's own loss
    """

    stage: ClassVar[Stage] = "none"
    needs_records: ClassVar[bool] = False
    publishes: ClassVar[bool] = False
    keeps_order: ClassVar[bool] = False
    separable: ClassVar[bool] = False

    @property
    def sources(self) -> tuple[str, ...]:
        """Name the entries of the store that it has trained for one model, from which that model's records come."""
        return ()

    def check(self, recipe: ProtectedRecipe) -> None:
        """Refuse, by InputError and before anything is trained, a recipe that the code cannot work on."""

    def with_public_records(self, number: int) -> Defense:
        """Return the defence where this number is public and that of a model's own records is not."""
        return self

    def with_public(self, public: Records | None) -> Defense:
        """Return the defence with the records known to all at hand, from which training may draw what it needs."""
        return self

    def check_records(self, recipe: ProtectedRecipe, number: int) -> None:
        """Refuse, by InputError, what cannot be for so many training records, before anything is trained."""

    def of_models(
        self,
        owner: Trainer,
        recipe: ProtectedRecipe,
        pool: Records,
        members: np.ndarray,
        seeds: Sequence[int],
        names: Sequence[str],
    ) -> Sequence[Defense]:
        """Data stage: return the code as it is for each of many models, with all that it has trained for them.

        owner: who trains; recipe: what it protects; members: (models, records of the pool) bool; the rest as in
        `Owner.train_many`.
        """
        return [self] * len(seeds)

    def detached(self) -> Defense:
        """Return the same for another process."""
        return self

    def records(self, records: Records, seed: int) -> Records:
        """Data stage: return the records to train on instead."""
        return records

    def examples(self, records: Any, seed: int, number: int) -> Mapping[str, Any]:
        """Data stage: return some records and what became of them, in equal order, by name; none by default."""
        return {}

    def measured(self, records: Any) -> Mapping[str, float]:
        """Data stage: return figures, by name, of what it does to a model's records; none by default."""
        return {}

    def prepare(self, objective: Objective) -> None:
        """Training stage: change the objective's options (weight decay, epochs, …) before training."""

    def begin(self, objective: Objective, records: Records) -> None:
        """Training stage: look at the training records before the first step, where it `needs_records`."""

    def loss(self, objective: Objective, batch: Any, loss: Tensor) -> Tensor:
        """Training stage: return the loss to descend instead."""
        return loss

    def finish(self, objective: Objective, records: Records, train: Callable[[], None]) -> None:
        """Finish stage: change the weights of the trained `objective.model` in place.

        train() goes on training the objective as it is then, on `records`.
        """

    def model(self, model: nn.Module) -> nn.Module:
        """Model stage: return the network to release instead."""
        return model

    def answer(self, call: str, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Answer stage: return what the caller sees instead of values (records, …).

        keys: (records,) int64, one number for each record asked for, this model and this call. Whatever is random
        derives from it (telltale.training.counter_random), so that asking again averages nothing away and two models
        share no noise.
        """
        return values

    def hides(self, objective: Objective, records: Records) -> np.ndarray | None:
        """Malicious code only: say which training records it puts into the release, (hidden,) rows in their order."""
        return None

    def guarantee(self, trained: Trained) -> dict[str, Any] | None:
        """State what is proven: `statement` in one sentence, its unit and assumptions; None = empirical only."""
        return None

    def document(self) -> dict[str, Any]:
        """Describe the defence by plain values, for keys and reports."""
        return {"_target_": f"{type(self).__module__}.{type(self).__qualname__}", **asdict(self)}


@dataclass(frozen=True)
class NoDefense(Defense):
    """The recipe as the owner wrote it."""
