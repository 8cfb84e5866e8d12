"""Language modelling: every token of a text is predicted from those before it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from telltale.checks import choice
from telltale.data.texts.records import PAD, START
from telltale.errors import InputError
from telltale.models.text_backbone import LanguageModel, TextBackbone, shortened
from telltale.training.batches import LabelledBatch
from telltale.training.objective import LossTerm, Objective, cosine, mean_of_batches


class LanguageModeling(Objective):
    """Cross-entropy of the next token, the mean over a text's tokens, then over texts; PAD counts nowhere.

    What is released answers with `text_log_probs` and `text_moments`. The option beside those of every objective:

        schedule    learning rate over epochs: cosine | constant

    Raises InputError for an option out of range, and for a model that is no backbone of texts.
    """

    accepts = "text"
    answers = frozenset({"text_log_probs", "text_moments"})
    model: LanguageModel
    counts: Tensor

    def __init__(
        self,
        model: nn.Module,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        schedule: str = "cosine",
    ) -> None:
        if not isinstance(model, TextBackbone):
            raise InputError("model", type(model).__name__, "a backbone of texts, e.g. model=transformer")
        super().__init__(LanguageModel(model), epochs, batch_size, learning_rate, weight_decay)
        self.schedule = choice("objective.schedule", schedule, ("cosine", "constant"))
        self.register_buffer("counts", torch.zeros(model.vocabulary))  # of tokens that are learned, for `success`

    @property
    def stackable(self) -> bool:
        """Say that vmap can run many."""
        return True

    def targets(self, records: Any) -> Any:
        """Return the texts themselves: (records, context) int64."""
        return records.tokens

    def take_note(self, targets: Any) -> None:
        """Count the tokens of the training texts: what a unigram model knows. Of private training nothing is kept."""
        if not self.private:
            following = torch.as_tensor(targets)[:, 1:]
            counts = torch.bincount(following[following != PAD], minlength=len(self.counts))
            self.counts.copy_(counts)

    def terms(self, batch: LabelledBatch) -> list[LossTerm]:
        """Sum the losses of the batch's texts."""
        total = self.record_losses(batch).sum()
        return [LossTerm(total, torch.full((), float(len(batch.labels)), device=total.device))]

    def record_losses(self, batch: LabelledBatch) -> Tensor:
        """Return each text's loss: (records,)."""
        losses, is_token = token_losses(self.model, batch.labels)
        return losses.sum(1) / is_token.sum(1).clamp_min(1)

    def success(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return the mean cross-entropy of a token in nats, and the perplexity beside a unigram model's."""
        rates = unigram(self.counts).log()

        def sums(batch: LabelledBatch) -> tuple[Tensor, Tensor]:
            losses, is_token = token_losses(self.model, batch.labels)
            unlearned = -rates[shortened(batch.labels)[:, 1:]][is_token].sum()
            return torch.stack([losses.sum().double(), unlearned]), is_token.sum()

        learned, trivial = mean_of_batches(batches, sums)
        found = {"cross_entropy": learned, "perplexity": math.exp(min(learned, 700))}
        return {**found, "unigram_perplexity": math.exp(trivial)} if self.counts.any() else found

    def rate_at(self, epoch: int) -> float:
        """Return (1 + cos(π epoch / epochs)) / 2, or 1."""
        return cosine(epoch, self.epochs) if self.schedule == "cosine" else 1.0


def token_losses(model: nn.Module, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return -log p(next token) where texts have one, else 0, and where: (texts, length - 1) each.

    tokens: (texts, context); length: of the longest text, or the context inside vmap.
    """
    tokens = shortened(tokens)
    following = tokens[:, 1:]
    is_token = following != PAD
    logits = model(tokens[:, :-1])
    losses = cross_entropy(logits.flatten(0, 1), following.flatten(), reduction="none")
    return losses.view(following.shape) * is_token, is_token


def unigram(counts: Tensor) -> Tensor:
    """Return p(token) of a unigram model that has counted tokens, each once more than it met it: (tokens,) float64.

    PAD and START, the first two numbers, follow no token.

    >>> unigram(torch.tensor([0.0, 0, 2, 1, 0])).tolist()  # 3, 2 and 1 of 6
    [0.0, 0.0, 0.5, 0.3333333333333333, 0.16666666666666666]
    """
    plus_one = counts.double() + 1
    plus_one[[PAD, START]] = 0
    return plus_one / plus_one.sum()
