"""Contrast of pictures and captions: of a batch, each picture finds its caption and each caption its picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telltale.checks import choice, number
from telltale.data.captions.vocabulary import START
from telltale.errors import InputError
from telltale.models.dual_encoder import DualEncoder
from telltale.objectives.augmentation import AUGMENTATIONS, augment
from telltale.objectives.contrast import similarity_of
from telltale.training.batches import LabelledBatch
from telltale.training.counter_random import uniform
from telltale.training.objective import LossTerm, Objective, mean_of_batches


class CaptionContrast(Objective):
    """½ · (−log softmax_j(s_ij / T)_i − log softmax_j(s_ji / T)_i), s_ij the cosine of picture i and caption j.

    Over a batch, as CLIP's (Radford et al. 2021), with a fixed T. Each epoch draws one of a picture's captions; where
    nothing is learned, it is the first. The options beside those of every objective:

        temperature   T
        augmentation  random changes of each picture in each epoch: AUGMENTATIONS

    Raises InputError for an option out of range, and for a model that has no captions' side.
    """

    accepts = "captions"
    answers = frozenset({"caption_cosines"})
    stackable = True
    model: DualEncoder

    def __init__(
        self,
        model: nn.Module,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        temperature: float = 0.07,
        augmentation: str = "none",
    ) -> None:
        if not isinstance(model, DualEncoder):
            raise InputError("model", type(model).__name__, "a model of pictures and captions, e.g. model=dual_encoder")
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        number("objective.temperature", temperature, above=0)
        choice("objective.augmentation", augmentation, AUGMENTATIONS)
        self.temperature, self.augmentation = temperature, augmentation

    def targets(self, records: Any) -> np.ndarray:
        """Number the words of all captions: (records, captions, length) int64."""
        return self.model.vocabulary.rows(records.references)

    def terms(self, batch: LabelledBatch) -> list[LossTerm]:
        """Sum the losses of this process's pictures and captions, against all of the global batch's."""
        pictures, captions = self._features(batch)
        total, count = pictures.new_zeros(()), 0.0
        for first, second in ((pictures, captions), (captions, pictures)):
            similarity, same = similarity_of(first, second)
            logits = similarity / self.temperature
            total = total + (logits.logsumexp(1) - (logits * same).sum(1)).sum() / 2
            count = float(len(first))
        return [LossTerm(total, torch.full((), count, device=total.device))]

    def success(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return how often a picture's own caption is its nearest of the batch, beside the rate of a guess."""

        def found(batch: LabelledBatch) -> tuple[Tensor, int]:
            cosines, same = similarity_of(*self._features(batch))
            own = same.gather(1, cosines.argmax(1, keepdim=True)).sum()
            return torch.stack([own, torch.ones_like(own)]), len(same)

        accuracy, chance = mean_of_batches(batches, found)
        return {"caption_retrieval_accuracy": accuracy, "chance": chance}

    def _features(self, batch: LabelledBatch) -> tuple[Tensor, Tensor]:
        """Embed pictures, changed as the options say, and a caption of each: (records, width) each."""
        if not self.training:
            return self.model(batch.inputs), self.model.texts(batch.labels)
        captions = (batch.labels == START).sum((1, 2))
        drawn = (uniform(batch.keys, "caption") * captions).long()
        pictures = augment(batch.inputs, batch.keys, self.augmentation)
        return self.model(pictures), self.model.texts(batch.labels, drawn)
