"""Captioning: a model learns to tell what is on a picture, word by word, from its reference captions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from telltale.checks import choice, number, whole_number
from telltale.data.captions.metrics.rouge import rouge_l
from telltale.data.captions.metrics.tokens import CaptionTokens
from telltale.data.captions.shown import Shown
from telltale.data.captions.vocabulary import END, PAD
from telltale.data.captions.words import words
from telltale.errors import InputError
from telltale.models.caption_writer import CaptionWriter
from telltale.models.plain_layers import wants_plain_layers
from telltale.models.word_decoder import WordDecoder
from telltale.objectives.augmentation import AUGMENTATIONS, augment
from telltale.training.batches import LabelledBatch, make_batch
from telltale.training.objective import LossTerm, Objective, cosine, mean_of_batches

AT_ONCE = 256  # pictures that captions are written of at a time
NEAREST = 0.1  # squared distance; exp(1/d²) has no bound as d goes to 0


class Captioning(Objective):
    """Cross-entropy of every next word of every reference caption, averaged over a picture's words, then pictures.

    Each reference of a picture is a training pair. A batch is one of pictures, with all their references. The options
    beside those of every objective:

        optimizer           adam | sgd
        augmentation        random changes of each picture in each epoch: AUGMENTATIONS
        contrastive_epochs  the first epochs, which train the encoder alone to keep pictures apart, as the authors'
                            train.py does before it learns captions
        schedule            learning rate over epochs: cosine | constant
        word_weight         w of the loss that is learned beside, see `word_list_losses`

    Raises InputError for an option out of range.
    """

    accepts = "captions"
    answers = frozenset({"captions", "token_log_probs", "word_probabilities"})
    model: CaptionWriter

    def __init__(
        self,
        model: nn.Module,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        optimizer: str = "adam",
        augmentation: str = "none",
        contrastive_epochs: int = 0,
        schedule: str = "constant",
        word_weight: float = 0.0,
    ) -> None:
        if not isinstance(model, CaptionWriter):
            raise InputError("model", type(model).__name__, "a model that writes captions, e.g. model=captioner")
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        choice("objective.optimizer", optimizer, ("adam", "sgd"))
        choice("objective.augmentation", augmentation, AUGMENTATIONS)
        some = "from 0 to below objective.epochs"
        whole_number("objective.contrastive_epochs", contrastive_epochs, 0, epochs - 1, expected=some)
        self.optimizer, self.augmentation, self.contrastive_epochs = optimizer, augmentation, contrastive_epochs
        self.schedule = choice("objective.schedule", schedule, ("cosine", "constant"))
        self.word_weight = number("objective.word_weight", word_weight, least=0)
        if word_weight and not model.decoder.sees_words:
            expected = "0 for this model, as objective=captioning has it: it finds a picture's words by sentences alone"
            raise InputError("objective.word_weight", word_weight, expected)
        self.label_smoothing = 0.0

    @property
    def stackable(self) -> bool:
        """Say whether vmap can run many: not networks that a package of others defines."""
        return self.model.stacks

    @property
    def separable(self) -> bool:
        """Say whether the loss is one of each picture alone: not where pictures are kept apart."""
        return not self.contrastive_epochs

    def targets(self, records: Any) -> np.ndarray:
        """Number the words of all captions: (records, captions, length) int64."""
        return self.model.vocabulary.rows(records.references)

    def terms(self, batch: LabelledBatch) -> list[LossTerm]:
        """Sum the losses of the batch's pictures."""
        total = self._apart(batch) if self._keeping_apart() else self.record_losses(batch).sum()
        return [LossTerm(total, torch.full((), float(len(batch.labels)), device=total.device))]

    def record_losses(self, batch: LabelledBatch) -> Tensor:
        """Return each picture's loss: (records,)."""
        features, decoder = self.model(self._pictures(batch)), self.model.decoder
        losses, is_word = losses_of_words(decoder, features, batch.labels, self.label_smoothing)
        mean = losses.sum((1, 2)) / is_word.sum((1, 2)).clamp_min(1)
        if not self.word_weight:
            return mean
        return mean + self.word_weight * word_list_losses(decoder, features, batch.labels, self.label_smoothing)

    def success_on(self, records: Any) -> dict[str, float]:
        """Return the mean ROUGE-L (F1, mean over references) of greedy captions, and the cross-entropy of a word.

        Where it is known what pictures show, `_against_what_is_shown` beside.
        """
        rows = np.array_split(np.arange(len(records)), -(-len(records) // AT_ONCE))
        with torch.no_grad():
            parts = [self.model.captions(make_batch(records.arrays(), part).to(self.device)) for part in rows]
        candidates = [text.split() for text in np.concatenate(parts).tolist()]
        references = [[words(text) for text in texts] for texts in records.references]
        score = rouge_l(CaptionTokens.of(candidates, references)).f1.mean()
        learned = {"rouge_l": float(score), **super().success_on(records)}
        shown = getattr(records, "shown", None)
        return learned if shown is None else learned | self._against_what_is_shown(records, shown, candidates, learned)

    def _against_what_is_shown(
        self, records: Any, shown: Shown, candidates: Sequence[Sequence[str]], learned: Mapping[str, float]
    ) -> dict[str, float]:
        """Return how much of what captions say is right, and how far a caption's loss is from the best one.

        nats_over_bayes: -log p(caption) less that of who knows the picture and the law of its captions, the mean over
        references, of words as this captioner knows them (`Vocabulary.spelt`). Below 0 on its own records: what it
        has by heart.
        """
        right, told = shown.judged([" ".join(text) for text in candidates]).sum(0)
        captions = sum(len(texts) for texts in records.references)
        said = (self.targets(records)[..., 1:] != PAD).sum()  # words, or tokens, of which a word has several; and ends
        best = shown.log_probabilities(records.references, self.model.vocabulary.spelt).sum()
        over = (learned["cross_entropy"] * said + best) / captions
        return {"attributes_right": float(right / max(told, 1)), "nats_over_bayes": float(over)}

    def success(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return the mean cross-entropy of a word, in nats."""

        def sums(batch: LabelledBatch) -> tuple[Tensor, Tensor]:
            losses, is_word = losses_of_words(self.model.decoder, self.model(batch.inputs), batch.labels)
            return losses.sum()[None], is_word.sum()

        return {"cross_entropy": mean_of_batches(batches, sums)[0]}

    def optimizer_over(self, parameters: Any) -> torch.optim.Optimizer:
        """Use what the options say."""
        kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.SGD
        return kind(parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True)

    def rate_at(self, epoch: int) -> float:
        """Return (1 + cos(π epoch / epochs)) / 2, or 1."""
        return cosine(epoch, self.epochs) if self.schedule == "cosine" else 1.0

    def _pictures(self, batch: LabelledBatch) -> Tensor:
        return augment(batch.inputs, batch.keys, self.augmentation) if self.training else batch.inputs

    def _keeping_apart(self) -> bool:
        return bool(self.training and self.contrastive_epochs) and self.current_epoch < self.contrastive_epochs

    def _apart(self, batch: LabelledBatch) -> Tensor:
        """Sum exp(1/d²), d the distance of each picture's feature from the next one's in the batch."""
        features = self.model(self._pictures(batch))
        squares = (features - features.roll(1, 0)).square().sum(1)
        return (1 / squares.clamp_min(NEAREST)).exp().sum()


def word_losses(logits: Tensor, captions: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return -log p(next word) where captions have one, else 0, and where: (records, captions, length - 1) each.

    logits: (records, captions, length, words), after each word of `captions` (records, captions, length). With
    smoothing α the target is (1 - α) · one-hot + α / words.
    """
    following = captions[..., 1:]
    is_word = following != PAD
    losses = cross_entropy(
        logits[..., :-1, :].flatten(0, -2), following.flatten(), reduction="none", label_smoothing=label_smoothing
    )
    return losses.view(following.shape) * is_word, is_word


def losses_of_words(
    decoder: WordDecoder, features: Tensor, captions: Tensor, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return what `word_losses` makes of the decoder's logits; half of a batch is <pad>, of which none are computed."""
    if wants_plain_layers(captions):
        return word_losses(decoder(features, captions), captions, label_smoothing)
    following = captions[..., 1:]
    words = (following != PAD).flatten().nonzero()[:, 0]
    states = decoder.states(features, captions)[..., :-1, :].flatten(0, -2).index_select(0, words)
    targets = following.flatten()[words]
    told = cross_entropy(decoder.output(states), targets, reduction="none", label_smoothing=label_smoothing)
    losses = told.new_zeros(following.numel()).index_copy(0, words, told)
    return losses.view(following.shape), following != PAD


def word_list_losses(decoder: WordDecoder, features: Tensor, captions: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return -log p(word), the mean over all words of a picture's captions in no order: (records,).

    p(word): `WordDecoder.of_picture`; smoothed as `word_losses` has it. A captioner that is trained from scratch learns
    first how sentences go, for which it need not look, and then looks no more; what the picture is must reach its
    feature by another way, as by the detectors of words of Fang et al. (CVPR 2015).
    """
    following = captions[..., 1:].flatten(1)
    is_word = (following != PAD) & (following != END)
    logs = decoder.of_picture(features)
    told = (1 - label_smoothing) * logs.gather(1, following) + label_smoothing * logs.mean(1, keepdim=True)
    return -(told * is_word).sum(1) / is_word.sum(1).clamp_min(1)
