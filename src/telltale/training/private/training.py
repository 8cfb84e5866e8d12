"""Private training of one model, and of a fleet: what stands in the place of a loss and of a loader."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.utils.data import DataLoader

from telltale.training.batches import LabelledBatch
from telltale.training.fleet.fleet import Fleet
from telltale.training.objective import Objective
from telltale.training.private.ledger import Ledger
from telltale.training.private.modes import MODES, STACKABLE, STACKED, Mode
from telltale.training.private.privacy import Plan, Privacy, doubt_of_delta
from telltale.training.private.problem import Clipped, Problem, State, with_labels
from telltale.training.private.sampling import Padded, PoissonBatches, PoissonFleetBatches, loader_over
from telltale.training.private.step import privatised, with_gradient

log = logging.getLogger("telltale")


@cache
def _warn_of_delta(delta: float, records: int) -> None:
    if doubt := doubt_of_delta(delta, records):
        log.warning(f"dp_sgd: {doubt}")


@dataclass
class PrivateTraining:
    """How an objective's gradient is made private.

    options  what the recipe asks for
    plan     settled once the number of records is known
    mode     the gradient mode in use
    seed     of the model
    """

    options: Privacy
    plan: Plan | None = None
    mode: str = "one_by_one"
    seed: int = 0
    _mode: Mode | None = field(default=None, repr=False)

    @property
    def stackable(self) -> bool:
        """Say whether the mode asked for can run in a fleet."""
        return self.options.mode in ("auto", *STACKABLE)

    def extra_bytes(self, objective: Objective) -> int:
        """Estimate what the gradients of a batch's records take beyond a normal step's tensors."""
        unformed = (nn.Linear, nn.Embedding)
        layers = [name for name, module in objective.named_modules() if isinstance(module, unformed)]
        bare = {f"{name}.weight" for name in layers if self.mode == "bookkeeping"}
        parameters = dict(objective.named_parameters())
        sizes = {name: parameter.numel() * parameter.element_size() for name, parameter in parameters.items()}
        formed = sum(size for name, size in sizes.items() if name not in bare)
        return 2 * sum(sizes.values()) + 2 * objective.batch_size * formed

    def use(self, mode: str) -> None:
        """Compute gradients by a mode."""
        self.mode, self._mode = mode, MODES[mode]()

    def begin(self, objective: Objective, plan: Plan, seed: int) -> None:
        """Write the plan into the objective's ledger and follow it from now on."""
        self.plan, self.seed = plan, seed
        ledger = ledger_of(objective)
        ledger.sigma.fill_(plan.sigma)
        ledger.rate.fill_(plan.rate)

    def sampled(self, objective: Objective, loader: DataLoader) -> DataLoader:
        """Return a loader of Poisson samples of the records that a loader serves, and begin."""
        dataset: Any = loader.dataset
        number = len(dataset.fingerprints)
        plan = self.options.plan(number, objective.batch_size, objective.epochs)
        _warn_of_delta(self.options.delta, number)
        self.begin(objective, plan, dataset.seed)
        return loader_over(dataset, PoissonBatches(number, plan.rate, plan.steps, dataset.seed))

    def loss(self, objective: Objective, batch: Any) -> Tensor:
        """Return Σ loss / expected batch size, whose gradient is the private one; counts the step."""
        assert self.plan is not None and self._mode is not None
        batch = with_labels(batch)
        problem, ledger, parameters = Problem(objective), ledger_of(objective), dict(objective.named_parameters())
        trained = [parameters[name] for name in problem.trained]
        total, sums = trained[0].new_zeros(()), [torch.zeros_like(parameter) for parameter in trained]
        if len(batch):  # an empty sample is a step of noise
            with torch.no_grad():
                clipped = self._mode(problem, problem.state(), batch, self.plan.clip)
            total, sums = clipped.total, [clipped.sums[name] for name in problem.trained]
        gradients = privatised([summed[None] for summed in sums], self.plan, [self.seed], int(ledger.steps))
        ledger.steps += 1
        return with_gradient(total / self.plan.expected, trained, [gradient[0] for gradient in gradients])

    def together(self) -> PrivateFleet:
        """Return the same for a fleet of such models."""
        return PrivateFleet(self)


def ledger_of(objective: Objective) -> Ledger:
    """Return what a private objective has spent so far."""
    ledger = objective.ledger
    assert isinstance(ledger, Ledger)
    return ledger


class PrivateFleet:
    """How the gradients of a fleet are made private: each model's own samples, clip factors and noise."""

    def __init__(self, alone: PrivateTraining) -> None:
        self.alone = alone
        self._mode: Mode | None = None

    def sampled(self, fleet: Fleet, loader: DataLoader) -> DataLoader:
        """Return a loader of Poisson samples of each model's own records, those of a single run, and begin."""
        dataset: Any = loader.dataset
        plan = self.begin_as_planned(fleet)
        _warn_of_delta(self.alone.options.delta, int(fleet.data.numbers.min()))
        samples = PoissonFleetBatches(fleet.data.numbers.tolist(), plan.rate, plan.steps, dataset.seeds)
        return loader_over(Padded(dataset), samples)

    def begin_as_planned(self, fleet: Fleet) -> Plan:
        """Begin with the plan for the fleet's number of records, and return it."""
        plan = self.alone.options.plan(fleet.data.tables.shape[1], fleet.batch_size, fleet.epochs)
        self.begin(fleet, plan)
        return plan

    def begin(self, fleet: Fleet, plan: Plan) -> None:
        """Write the plan into every model's ledger and follow it from now on."""
        self.alone.plan = plan
        fleet.buffer("ledger.sigma").fill_(plan.sigma)
        fleet.buffer("ledger.rate").fill_(plan.rate)

    def loss(self, fleet: Fleet, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return the sum of the models' losses, whose gradient is each one's private gradient; counts the step."""
        plan, (rows, keys, taken) = self.alone.plan, batch
        assert plan is not None
        with torch.no_grad():
            totals, sums = self._clipped(fleet, fleet.gathered(rows, keys), taken)
        steps = fleet.buffer("ledger.steps")
        gradients = privatised(sums, plan, fleet.data.seeds, int(steps[0]))
        steps += 1
        trained = [parameter for parameter in fleet.stacked if parameter.requires_grad]
        return with_gradient(totals.sum() / plan.expected, trained, gradients)

    def _clipped(
        self, fleet: Fleet, batch: tuple[Tensor, Tensor, Tensor], taken: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the summed losses (models,) and the clipped sums (models, *shape) of what is trained."""
        (inputs, labels, keys), problem = batch, Problem(fleet.skeleton)
        if self._mode is None:
            self._mode = (STACKED if fleet.way == "stacked" else MODES)[self.alone.mode]()
        mode, plan = self._mode, self.alone.plan
        assert plan is not None

        def clipped_of_model(
            state: State, inputs: Tensor, labels: Tensor, keys: Tensor, taken: Tensor | None = None
        ) -> Clipped:
            return mode(problem, state, LabelledBatch(inputs, labels, keys), plan.clip, taken)

        state = fleet.state()
        if fleet.way == "stacked":
            clipped = vmap(clipped_of_model, randomness="different")(state, inputs, labels, keys, taken)
            return clipped.total, [clipped.sums[name] for name in problem.trained]
        totals = state[problem.trained[0]].new_zeros(fleet.models)
        sums = [torch.zeros_like(state[name]) for name in problem.trained]
        for k in range(fleet.models):
            sample = taken[k]  # nothing is stacked, so nothing needs to be filled up
            if sample.any():
                state_of_model = {name: stacked[k] for name, stacked in state.items()}
                clipped = clipped_of_model(state_of_model, inputs[k][sample], labels[k][sample], keys[k][sample])
                totals[k] = clipped.total
                for total, name in zip(sums, problem.trained, strict=True):
                    total[k] = clipped.sums[name]
        return totals, sums
