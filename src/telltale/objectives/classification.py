"""Classification: the backbone learns the records' classes through a linear head; both are released."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from telltale.checks import choice, number, share, whole_number
from telltale.models.backbone import Backbone, Classifier
from telltale.objectives.augmentation import AUGMENTATIONS, augment
from telltale.training.batches import LabelledBatch
from telltale.training.objective import LinearStack, LossTerm, Objective, cosine, mean_of_batches


class Classification(Objective):
    """Cross-entropy on the records' classes, by SGD with momentum or Adam.

    The options beside those of every objective:

        optimizer     sgd | adam
        momentum      of sgd
        schedule      learning rate over epochs: cosine | constant
        augmentation  random changes of each picture in each epoch: AUGMENTATIONS
        head_init     standard deviation of the head's initial weights, its biases 0 (a first step known in closed form
                      needs that); None = torch's own
        classes       number of classes, which the experiment takes from the data set

    After `terms`, `logits` holds the batch's logits (records, classes) for training-stage defences. Raises InputError
    for an option out of range.
    """

    accepts = frozenset({"images", "table", "molecules", "text"})
    supervised = True
    answers = frozenset({"probabilities", "labels"})
    model: Classifier

    def __init__(
        self,
        model: nn.Module,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        optimizer: str = "sgd",
        momentum: float = 0.9,
        schedule: str = "cosine",
        augmentation: str = "none",
        head_init: float | None = None,
        classes: int | None = None,
    ) -> None:
        expected = "at least 2; leave it null to take the data set's"
        head = Classifier(model, whole_number("objective.classes", classes, 2, expected=expected))
        super().__init__(head, epochs, batch_size, learning_rate, weight_decay)
        choice("objective.optimizer", optimizer, ("sgd", "adam"))
        choice("objective.schedule", schedule, ("cosine", "constant"))
        choice("objective.augmentation", augmentation, AUGMENTATIONS)
        share("objective.momentum", momentum, zero=True, whole=False, expected="from 0 to below 1")
        deviation = "a number from 0, or null for torch's default"
        number("objective.head_init", head_init, least=0, or_null=True, expected=deviation)
        if head_init is not None:
            nn.init.normal_(self.model.head.weight, std=head_init)
            nn.init.zeros_(self.model.head.bias)
        self.optimizer, self.momentum, self.schedule, self.augmentation = optimizer, momentum, schedule, augmentation
        self.label_smoothing = 0.0
        self.logits: Tensor | None = None

    @property
    def stackable(self) -> bool:
        """Say whether many models can be trained in one step: not those of graphs."""
        return self.model.accepts != "molecules"

    def linear_stack(self) -> LinearStack | None:
        """Name the layers of a plain classification by linear layers alone, all of them trained by SGD."""
        backbone = getattr(self.model, "backbone", None)
        layers = backbone.linear_layers() if isinstance(backbone, Backbone) else None
        plain = self.optimizer == "sgd" and self.augmentation == "none" and not self.label_smoothing
        if layers is None or not plain or not all(parameter.requires_grad for parameter in self.parameters()):
            return None
        named = [(f"model.backbone.{name}", activation) for name, activation in layers]
        return LinearStack((*named, ("model.head", "")), self.momentum)

    def terms(self, batch: LabelledBatch) -> list[LossTerm]:
        """Sum the cross-entropy over the batch."""
        total = self.record_losses(batch).sum()
        return [LossTerm(total, torch.full((), float(len(batch.labels)), device=total.device))]

    def record_losses(self, batch: LabelledBatch) -> Tensor:
        """Return each record's cross-entropy: (records,)."""
        inputs = augment(batch.inputs, batch.keys, self.augmentation) if self.training else batch.inputs
        self.logits = self.model(inputs)
        return cross_entropy(self.logits, batch.labels, reduction="none", label_smoothing=self.label_smoothing)

    def success(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return accuracy and mean loss."""

        def count(batch: LabelledBatch) -> tuple[Tensor, int]:
            logits = self.model(batch.inputs)
            right = (logits.argmax(1) == batch.labels).sum().double()
            return torch.stack([right, cross_entropy(logits, batch.labels, reduction="sum").double()]), len(batch)

        accuracy, loss = mean_of_batches(batches, count)
        return {"accuracy": accuracy, "loss": loss}

    def optimizer_over(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Use what the options say."""
        common: Any = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if self.optimizer == "adam":
            return torch.optim.Adam(parameters, fused=True, **common)
        return torch.optim.SGD(parameters, momentum=self.momentum, fused=True, **common)

    def rate_at(self, epoch: int) -> float:
        """Return (1 + cos(π epoch / epochs)) / 2, or 1."""
        return cosine(epoch, self.epochs) if self.schedule == "cosine" else 1.0
