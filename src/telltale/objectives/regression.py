"""Regression: an encoder of molecules learns a measured property through a linear head; both are released."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telltale.errors import InputError
from telltale.models.backbone import Classifier
from telltale.training.batches import LabelledBatch
from telltale.training.objective import LossTerm, Objective, mean_of_batches


class Regression(Objective):
    """Mean squared error on the records' values, by Adam. What is released answers with one number a record."""

    accepts = frozenset({"molecules"})
    learns_values = True
    answers = frozenset({"values"})
    model: Classifier

    def __init__(
        self, model: nn.Module, epochs: int, batch_size: int, learning_rate: float, weight_decay: float = 0.0
    ) -> None:
        super().__init__(Classifier(model, 1), epochs, batch_size, learning_rate, weight_decay)

    def targets(self, records: Any) -> np.ndarray:
        """Return the values, (records,) float32. InputError where none were measured."""
        values = getattr(records, "values", None)
        if values is None:
            raise InputError("dataset", records.source, "holds no measured values for objective=regression")
        return np.asarray(values, np.float32)

    def terms(self, batch: LabelledBatch) -> list[LossTerm]:
        """Sum the squared errors over the batch."""
        total = self.record_losses(batch).sum()
        return [LossTerm(total, torch.full((), float(len(batch)), device=total.device))]

    def record_losses(self, batch: LabelledBatch) -> Tensor:
        """Return each record's squared error: (records,)."""
        return (self.model(batch.inputs)[:, 0] - batch.labels).square()

    def success(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return the root mean squared error, and that of always saying the mean of all that was measured."""

        def errors(batch: LabelledBatch) -> tuple[Tensor, int]:
            return torch.stack([self.record_losses(batch).sum(), batch.labels.square().sum()]).double(), len(batch)

        model, mean = mean_of_batches(batches, errors)
        return {"rmse": model**0.5, "rmse_of_the_mean": mean**0.5}
