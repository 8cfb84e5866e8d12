"""What the owner trains for: the base of every objective, a torch module around a plain model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.data import DataLoader

from telltale.checks import number, whole_number
from telltale.errors import InputError
from telltale.training.batches import RecordDataset, evaluation_batches
from telltale.training.processes import total_over_processes, world_size
from telltale.training.validation import Part, as_measured, loader_of, portions, validation_split


class LossTerm(NamedTuple):
    """A loss as a sum and the number of its parts, so that any number of processes can form the global batch's mean."""

    total: Tensor
    number: Tensor


class LinearStack(NamedTuple):
    """A cross-entropy at the end of linear layers, which SGD descends: training/fleet/linear.py has its gradient.

    layers: (name of the layer, activation after it), the last one's unused; momentum: of SGD.
    """

    layers: tuple[tuple[str, str], ...]
    momentum: float


class LossCode(Protocol):
    """Training code added to an objective: a training-stage defence, or an attacker's."""

    def prepare(self, objective: Objective) -> None:
        """Change the objective's own options before training."""
        ...

    def begin(self, objective: Objective, records: Any) -> None:
        """Look at the training records before the first step."""
        ...

    def loss(self, objective: Objective, batch: Any, loss: Tensor) -> Tensor:
        """Return the loss to descend instead."""
        ...


class Objective(nn.Module):
    """Base of all objectives: `model` is what gets released, everything else here stays with the owner.

    A subclass implements `terms` (the loss) and `success` (how well the owner's own task is learned), and declares

        accepts        kinds of data
        supervised     whether it learns the records' classes
        learns_values  whether it learns a number that was measured of each record
        answers        calls that what is released understands, beside embeddings and weights
        in_phases      whether some of its weights have no gradient in some epochs

    Options:

        epochs         passes over the records
        batch_size     records in the global batch
        learning_rate  of the optimiser
        weight_decay   of the optimiser

    Raises InputError for an option out of range.
    """

    accepts: str | frozenset[str] = "molecules"
    supervised: ClassVar[bool] = False
    learns_values: ClassVar[bool] = False
    answers: ClassVar[frozenset[str]] = frozenset()
    in_phases: ClassVar[bool] = False
    optimizer: str  # by name, where the objective has several

    def __init__(
        self, model: nn.Module, epochs: int, batch_size: int, learning_rate: float, weight_decay: float = 0.0
    ) -> None:
        super().__init__()
        whole_number("objective.epochs", epochs)
        whole_number("objective.batch_size", batch_size)
        number("objective.learning_rate", learning_rate, above=0)
        number("objective.weight_decay", weight_decay, least=0)
        self.model = model
        self.epochs, self.batch_size = epochs, batch_size
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.loss_code: Sequence[LossCode] = ()
        self.private: Any = None  # what makes gradients private (telltale.training.private), set by a defence
        self.validates = False  # whether the epoch is chosen by a validation loss; set by a training-stage defence
        self.validation_share = 0.0  # of the records, held back from training for it
        self.validation_records: Any = None  # other records for it instead
        self.current_epoch = 0  # of the step that is taken

    @property
    def device(self) -> torch.device:
        """Say where the parameters are."""
        return next(self.parameters()).device

    def at_epoch(self, epoch: int) -> None:
        """Learn which epoch the next step belongs to, counted from 0."""
        self.current_epoch = epoch

    def begin_fit(self) -> None:
        """Make ready for training steps."""

    def end_fit(self) -> None:
        """Let go of what only training needs."""

    @property
    def stackable(self) -> bool:
        """Say whether torch.func.vmap can run `forward` for many models at once, on records that are plain tensors."""
        return False

    def linear_stack(self) -> LinearStack | None:
        """Say which layers it trains where these are linear and all there is to it, None for any other objective."""
        return None

    @property
    def features_are_fixed(self) -> bool:
        """Say whether all that is trained takes a record's features, which no training changes (Transfer)."""
        return False

    def begun(self, inputs: Any) -> Any:
        """Compute what training does not change of records, for its batches to go on from; None = nothing is to be.

        What is returned takes rows, as `inputs` do, and stands in their place as the inputs of a batch.
        """
        return None

    def targets(self, records: Any) -> Any:
        """Return what each record's answer is to be, (records, …); None where batches are inputs alone."""
        return records.labels if self.supervised else None

    def take_note(self, targets: Any) -> None:
        """Look at the `targets` of the training records, (records, …), before the first step."""

    def terms(self, batch: Any) -> list[LossTerm]:
        """Return the loss on this process's share of the batch, as terms that are averaged and added."""
        raise NotImplementedError

    def record_losses(self, batch: Any) -> Tensor:
        """Return each record's own loss, whose mean is the batch's: (records,). Only where no record sees another."""
        raise NotImplementedError

    @property
    def separable(self) -> bool:
        """Say whether the loss is a mean over records of losses of each record alone."""
        return type(self).record_losses is not Objective.record_losses

    def success(self, batches: Iterable[Any]) -> dict[str, float]:
        """Measure the owner's task on held-out batches, next to the rate a trivial guess reaches."""
        raise NotImplementedError

    def success_on(self, records: Any) -> dict[str, float]:
        """Measure the owner's task on held-out records, in batches on this objective's device."""
        batches = evaluation_batches(records, max(self.batch_size, 256), targets=self.targets(records))
        return self.success(batch.to(self.device) for batch in batches)

    def adopt(self, start: Mapping[str, np.ndarray]) -> None:
        """Start from a trained model's weights, as far as this objective's model has weights of these names.

        Raises InputError where it has none of them, or one of another shape.
        """
        weights = self.model.state_dict()
        shared = {name: torch.from_numpy(array) for name, array in start.items() if name in weights}
        unlike = [name for name, tensor in shared.items() if tensor.shape != weights[name].shape]
        if unlike or not shared:
            why = f"{unlike[0]} has another shape" if unlike else "no weight has the same name"
            raise InputError(
                "model", type(self.model).__name__, f"a model that can start from the pre-trained one; {why}"
            )
        self.model.load_state_dict(shared, strict=False)

    def forward(self, batch: Any) -> Tensor:
        """Return the loss whose gradient, averaged by DDP, is that of the global batch's mean.

        Each process returns world_size * local total / global count; DDP divides by world_size again.
        """
        terms = [
            total * world_size() / total_over_processes(number).clamp_min(1) for total, number in self.terms(batch)
        ]
        loss = torch.stack(terms).sum()
        for code in self.loss_code:
            loss = code.loss(self, batch, loss)
        return loss

    def training_step(self, batch: Any, batch_index: int) -> Tensor:
        """Return the loss to descend."""
        return self.private.loss(self, batch) if self.private else self(batch)

    def hold_out(self, loader: DataLoader) -> DataLoader:
        """Keep a share of a loader's records for `validation_losses`, by its seed; return a loader of the others.

        All of them where there are other records to validate on. Raises InputError where there is nothing to.
        """
        dataset: Any = loader.dataset
        if self.validation_records is not None:
            self.held_out = self.validation_part()
            return loader
        if not self.validation_share:
            raise InputError("defense.validate_on", "public", "own: there are no public records to validate on")
        trained, validated = validation_split(len(dataset.fingerprints), self.validation_share, dataset.seed)
        self.held_out = Part(dataset, validated)
        return loader_of(Part(dataset, trained), self.batch_size, dataset.seed)

    def validation_part(self) -> Part:
        """Return the other records to validate on; what is random in them is the same for every model."""
        records = self.validation_records
        return Part(RecordDataset(records, 0, self.targets(records)), np.arange(len(records)))

    def validation_losses(self) -> Tensor:
        """Average the loss over the records held out, in global batches and weighed by them: (1,)."""
        number = len(self.held_out.places)
        rank = dist.get_rank() if world_size() > 1 else 0
        mean = torch.zeros(1, device=self.device)
        with as_measured(self):
            for rows in portions(number, self.batch_size):
                batch = self.held_out[0, np.array_split(rows, world_size())[rank]]
                loss = self(batch.to(self.device))
                mean += total_over_processes(loss) / world_size() * (len(rows) / number)
        return mean

    def optimizer_over(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Use Adam with the recipe's learning rate; `parameters` may be those of many models, stacked."""
        return torch.optim.Adam(parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True)

    def rate_at(self, epoch: int) -> float:
        """Return the factor on the learning rate in an epoch from 0."""
        return 1.0

    def configure_optimizers(self) -> Any:
        """Hand Lightning the optimiser and its schedule over epochs."""
        return optimizer_and_schedule(self, self.parameters())


def optimizer_and_schedule(objective: Objective, parameters: Iterable[nn.Parameter]) -> Any:
    """Build an objective's optimiser over `parameters`, with its learning rate by epoch."""
    optimizer = objective.optimizer_over([parameter for parameter in parameters if parameter.requires_grad])
    return [optimizer], [torch.optim.lr_scheduler.LambdaLR(optimizer, objective.rate_at)]


def cosine(epoch: int, epochs: int) -> float:
    """Return the factor (1 + cos(π epoch / epochs)) / 2 on a learning rate (Loshchilov & Hutter 2017, no restarts)."""
    return (1 + math.cos(math.pi * epoch / epochs)) / 2


def mean_of_batches(batches: Iterable[Any], measure: Any) -> list[float]:
    """Average `measure(batch) -> (tensor of sums, count)` over batches without gradients."""
    sums, count = torch.zeros(1), 0.0
    with torch.no_grad():
        for batch in batches:
            total, n = measure(batch)
            sums, count = sums + total.double().cpu(), count + float(n)
    return (sums / max(count, 1.0)).tolist()


def balanced_accuracy(batches: Iterable[Any], scores: Callable[[Any], tuple[Tensor, Tensor]]) -> float:
    """Average the shares of true pairs scored above 0 and of false pairs scored at most 0, over all batches.

    scores(batch) -> (scores of true pairs, scores of false pairs); a batch may have none of either.
    """

    def counts(batch: Any) -> tuple[Tensor, int]:
        true, false = scores(batch)
        sums = ((true > 0).sum(), true.numel(), (false <= 0).sum(), false.numel())
        return torch.tensor([float(number) for number in sums], dtype=torch.float64), 1

    accepted, true, refused, false = mean_of_batches(batches, counts)
    return (accepted / true + refused / false) / 2 if true and false else float("nan")
