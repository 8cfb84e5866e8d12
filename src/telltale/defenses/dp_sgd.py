"""DP-SGD: noisy sums of clipped gradients of single records (Abadi et al. 2016), with a proof of what it hides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch.nn.modules.batchnorm import _BatchNorm

from telltale.checks import choice, number, whole_number
from telltale.errors import InputError
from telltale.objectives.transfer import Transfer
from telltale.owner.defense import Defense, ProtectedRecipe, Stage, Trained
from telltale.training.objective import Objective
from telltale.training.private.accountant import ACCOUNTANTS, epsilon_of
from telltale.training.private.ledger import Ledger
from telltale.training.private.modes import MODES
from telltale.training.private.privacy import DELTA, Privacy, doubt_of_delta, of_replacing
from telltale.training.private.training import PrivateTraining

UNITS = {
    "molecules": "one graph added or removed",
    "captions": "one picture with all its captions added or removed",
    "text": "one text added or removed",
}


@dataclass(frozen=True)
class DPSGD(Defense):
    """g = (Σ_i min(1, C / ‖g_i‖) g_i + σ C N(0, I)) / B,  each record i in the sum with probability q = B / n.

        epsilon         ε that all steps together may spend, from which σ follows; None where sigma is given
        sigma           σ, the noise multiplier, in place of epsilon
        delta           δ that ε holds with, to be well below 1/n; None = 1e-5
        clip            C, the L2 norm that a record's gradient is cut to
        on              first | last: which part of a transfer is protected
        public_records  n; None = as many as there are
        accountant      rdp | prv | pld: how steps add up
        mode            auto | bookkeeping | vmap | hooks | ghost | one_by_one: how gradients are computed
                        (telltale.training.private), which changes nothing but the time
        learning_rate   in place of the objective's, which was chosen for gradients without noise; None = keep
        batch_size      the same
        epochs          the same

    Raises InputError for options out of range, and for a model or objective in which records see others.
    """

    stage: ClassVar[Stage] = "training"
    epsilon: float | None = 8.0
    sigma: float | None = None
    delta: float | None = None
    clip: float = 1.0
    on: str = "last"
    public_records: int | None = None
    accountant: str = "rdp"
    mode: str = "auto"
    learning_rate: float | None = None
    batch_size: int | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        if (self.epsilon is None) == (self.sigma is None):
            both = self.epsilon is not None
            expected = f"null where defense.sigma={self.sigma} is given" if both else "above 0, or give defense.sigma"
            raise InputError("defense.epsilon", self.epsilon, expected)
        number("defense.epsilon", self.epsilon, above=0, or_null=True, expected="above 0")
        number("defense.sigma", self.sigma, least=0, or_null=True, expected="from 0")
        number("defense.clip", self.clip, least=0)
        small = "above 0, below 1, and well below 1 / records"
        number("defense.delta", self.delta, above=0, below=1, or_null=True, expected=small)
        choice("defense.on", self.on, ("first", "last"))
        choice("defense.accountant", self.accountant, ACCOUNTANTS)
        choice("defense.mode", self.mode, ("auto", *MODES))
        for field in ("public_records", "batch_size", "epochs"):
            whole_number(f"defense.{field}", getattr(self, field), or_null=True)
        number("defense.learning_rate", self.learning_rate, above=0, or_null=True)

    @property
    def privacy(self) -> Privacy:
        """Return what training needs of it."""
        delta = DELTA if self.delta is None else self.delta
        return Privacy(self.epsilon, self.sigma, delta, self.clip, self.accountant, self.public_records, self.mode)

    def with_public_records(self, number: int) -> DPSGD:
        """Sample at a rate by this number, unless one is given."""
        return self if self.public_records else replace(self, public_records=number)

    def prepare(self, objective: Objective) -> None:
        """Have the objective trained on private gradients. Raises InputError where that proves nothing."""
        _require_separable(objective, self)
        for field in ("learning_rate", "batch_size", "epochs"):
            if getattr(self, field) is not None:
                setattr(objective, field, getattr(self, field))
        objective.private, objective.ledger = PrivateTraining(self.privacy), Ledger()

    def check(self, recipe: ProtectedRecipe) -> None:
        """Refuse what breaks the proof."""
        trainer = recipe.trainer
        if trainer.devices > 1:
            expected = "one process, e.g. trainer=auto: defense=dp_sgd draws samples and noise in one place"
            raise InputError("trainer.strategy", trainer.strategy, expected)
        if trainer.precision != "32-true":
            raise InputError("trainer.precision", trainer.precision, "32-true: defense=dp_sgd rests on exact norms")
        for code in recipe.defenses:  # an attacker's own records are no reason to refuse: nothing is proven then
            if code.stage == "data":
                expected = f"protects records as they are, which {type(code).__name__} replaces; use one of the two"
                raise InputError("defense", "dp_sgd", expected)

    def check_records(self, recipe: ProtectedRecipe, number: int) -> None:
        """Refuse an ε that no noise reaches."""
        sizes = [recipe.objective[field] for field in ("batch_size", "epochs")]
        self.privacy.plan(number, self.batch_size or sizes[0], self.epochs or sizes[1])

    def guarantee(self, trained: Trained) -> dict[str, Any] | None:
        """State ε of the steps really taken, with all it rests on."""
        privacy, ledger = self.privacy, trained.ledger
        if ledger is None:
            return None
        epsilon = epsilon_of(ledger["sigma"], ledger["rate"], ledger["steps"], privacy.delta, privacy.accountant)
        unit = UNITS.get(trained.kind, "one record added or removed")
        text = f"(ε = {epsilon:.3g}, δ = {privacy.delta:g})-differentially private for {unit}"
        text += f", counted by {privacy.accountant.upper()} at σ = {ledger['sigma']:.3g}"
        missing = self._not_covered(trained)
        if trained.kind == "captions":  # a word of one record alone may be in the list
            missing = "; ".join(filter(None, (missing, "the list of words is public and not covered")))
        return {
            "statement": f"{text}; {missing}" if missing else text,
            "epsilon": epsilon,
            "delta": privacy.delta,
            "unit": unit,
            "replaced": _replaced(epsilon, privacy.delta),
            "protects": "the pre-training records" if self._before(trained) else "the training records",
            "does_not_cover": missing or None,
            "sampling_rate": ledger["rate"],
            "sigma": ledger["sigma"],
            "clip": self.clip,
            "steps": ledger["steps"],
            "records": trained.records,
            "accountant": privacy.accountant,
            "assumptions": ASSUMPTIONS,
            "doubt": doubt_of_delta(privacy.delta, trained.records) or None,
        }

    def _before(self, trained: Trained) -> bool:
        return trained.transferred and self.on == "first"

    def _not_covered(self, trained: Trained) -> str:
        """Say which records of a transfer the ε says nothing about."""
        if not trained.transferred:
            return ""
        if self._before(trained):
            return "it covers the pre-training records; ε does not cover the fine-tuning records"
        return "it covers the fine-tuning records; ε does not cover the pre-training data"


def _replaced(epsilon: float, delta: float) -> str:
    """Say what ε comes to in a game whose models have a fixed number of members."""
    twice, likelier = of_replacing(epsilon, delta)
    comes_to = f"({twice:.3g}, {likelier:.2g})" if likelier < 1 else f"({twice:.3g}, 1), which promises nothing"
    return (
        "the game draws a fixed number of members, so that what it compares is one record replaced by another: there "
        f"(ε, δ) counts as (2ε, (1 + e^ε) δ) = {comes_to}"
    )


ASSUMPTIONS = (
    "the number of records, the batch size and all options are public",
    "the seed, from which samples and noise are drawn by 31 bits, stays secret (seed=0 does not) and its generator is "
    "taken for random: good for research, not for a release",
    "real numbers: rounding is not accounted for",
    "only the released model's answers are seen, not loss curves, test figures or other runs on the same records",
)


def _require_separable(objective: Objective, defense: DPSGD) -> None:
    """Refuse, by InputError, whatever lets one record's gradient depend on another record."""
    if not objective.separable:
        others = "attribute_masking or edge_prediction" if objective.accepts == "molecules" else "classification"
        expected = f"needs a loss of each record alone, which {type(objective).__name__} has not; try {others}"
        raise InputError("defense", "dp_sgd", expected)
    if defense.mode in ("hooks", "ghost") and objective.model.accepts == "molecules":
        expected = "auto, or another mode: hooks see atoms, where one record is one of the molecules"
        raise InputError("defense.mode", defense.mode, expected)
    for code in objective.loss_code:
        if code is not defense and not getattr(code, "separable", False):
            expected = f"clips losses of single records, which {type(code).__name__} does not leave alone; use one"
            raise InputError("defense", "dp_sgd", expected)
    mode = objective.training
    learning = [module for module in objective.train().modules() if module.training]
    objective.train(mode)
    if any(getattr(module, "draws_steps", False) for module in learning):
        name = type(getattr(objective.model, "backbone", objective.model)).__name__
        expected = f"needs a model that computes alike in each step, which {name} does not; try another model"
        raise InputError("defense", "dp_sgd", expected)
    if any(isinstance(module, _BatchNorm) for module in learning):
        switch = "layer" if objective.model.accepts == "molecules" else "group"
        frozen = " or objective.batch_norm=frozen" if isinstance(objective, Transfer) else ""
        why = "BatchNorm mixes the records of a batch, so defense=dp_sgd would prove nothing"
        raise InputError("model.norm", "batch", f"{why}; set model.norm={switch}{frozen}")
