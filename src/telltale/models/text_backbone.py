"""Backbones of texts: token numbers to one state a token; a language model around one says which token comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from telltale.checks import choice, whole_number
from telltale.data.texts.records import PAD
from telltale.errors import InputError
from telltale.models.backbone import Backbone
from telltale.models.plain_layers import Unembedding

POOLINGS = ("last", "mean")


@dataclass(frozen=True)
class Begun:
    """Texts that have been through the first blocks of a backbone, which no training changes.

    tokens: (texts, length); states: (texts, length, width) after `blocks` blocks.
    """

    tokens: Tensor
    states: Tensor
    blocks: int

    def __getitem__(self, rows: Tensor) -> Begun:
        """Return the texts at `rows`."""
        return Begun(self.tokens[rows], self.states[rows], self.blocks)


class TextBackbone(Backbone):
    """Base of networks on texts: tokens (texts, length) int64 -> features (texts, output_width).

    A subclass sets `embedding`, whose rows are the tokens', and implements `states`, in which no state may depend on
    later tokens. Tokens are rows of TextRecords: PAD stands at the end only.

        vocabulary  number of tokens; the experiment fills it in from the data set
        tied        a language model's logits are products with the embeddings; False = with a matrix of their own
        pooling     last | mean: a text's feature is the state of its last token, or the mean over its tokens
        shape       of one text, (context,)

    Raises InputError for an option out of range.
    """

    accepts = frozenset({"text"})
    embedding: nn.Embedding

    def __init__(self, vocabulary: int | None, tied: bool, pooling: str, shape: Sequence[int] | None) -> None:
        super().__init__(shape)
        if len(self.shape) != 1:
            raise InputError("model.shape", self.shape, "one number: the tokens of a text, as data sets of texts have")
        expected = "at least 4 tokens; leave it null to take the data set's"
        self.vocabulary = whole_number("model.vocabulary", vocabulary, 4, expected=expected)
        self.tied, self.pooling = tied, choice("model.pooling", pooling, POOLINGS)

    def states(self, tokens: Tensor) -> Tensor:
        """Compute one state a token: (texts, length) -> (texts, length, output_width)."""
        raise NotImplementedError

    def projections(self) -> Mapping[str, Sequence[str]]:
        """Name the linear layers that low-rank updates may be learned of, by part: attention | network."""
        return {}

    def own_head(self) -> nn.Module | None:
        """Return the linear layer from states to logits that it came with; None = it has yet to be learned."""
        return None

    def begun(self, tokens: Tensor, blocks: int) -> Begun | None:
        """Compute the states of texts after the first `blocks` blocks, for `forward` to go on from; None: cannot."""
        return None

    def arranged(self, logits: Tensor) -> Tensor:
        """Put logits by the rows of `embedding` where the tokens of texts have them: (…, rows) -> (…, vocabulary)."""
        return logits

    def forward(self, records: Any) -> Tensor:
        """Compute features: (texts, output_width)."""
        tokens = shortened(records)
        return pooled(self.states(tokens), tokens, self.pooling)


class LanguageModel(nn.Module):
    """A backbone of texts and what turns its states into logits of the next token: what a language model releases.

    forward: logits (texts, length, vocabulary), of what follows each token; embed: features (texts, output_width).
    """

    def __init__(self, backbone: TextBackbone) -> None:
        super().__init__()
        self.backbone, self.output_width = backbone, backbone.output_width
        own = nn.Linear(backbone.output_width, backbone.vocabulary, bias=False)
        if not backbone.tied:
            nn.init.normal_(own.weight, std=INITIAL)
        self.head = Unembedding() if backbone.tied else backbone.own_head() or own

    @property
    def accepts(self) -> Any:
        """Name the kinds of data the backbone works on."""
        return self.backbone.accepts

    def embed(self, records: Tensor) -> Tensor:
        """Compute the backbone's features."""
        return self.backbone(records)

    def forward(self, tokens: Tensor) -> Tensor:
        """Predict the token after each: (texts, length) -> (texts, length, vocabulary)."""
        states = self.backbone.states(tokens)
        weights = (self.backbone.embedding.weight,) if self.backbone.tied else ()
        return self.backbone.arranged(self.head(states, *weights))


INITIAL = 0.02  # standard deviation of initial weights, GPT-2's


def pooled(states: Tensor, tokens: Tensor, pooling: str) -> Tensor:
    """Return one state a text: (texts, length, width) and (texts, length) -> (texts, width)."""
    real = tokens != PAD
    if pooling == "mean":
        weights = real.to(states.dtype)
        return (weights[..., None] * states).sum(-2) / weights.sum(-1, keepdim=True).clamp_min(1)
    last = last_places(tokens)
    return states.gather(-2, last[..., None, None].expand(*last.shape, 1, states.shape[-1])).squeeze(-2)


def last_places(tokens: Tensor) -> Tensor:
    """Return where each text's last token stands: (texts, length) -> (texts,); 0 where there is none."""
    return ((tokens != PAD).sum(-1) - 1).clamp_min(0)


def shortened(tokens: Tensor) -> Tensor:
    """Cut the last columns off in which no text has a token; many models in one step (vmap) keep them all."""
    if inside_vmap(tokens):
        return tokens
    used = (tokens != PAD).any(0).nonzero()
    return tokens[:, : int(used.max()) + 1 if len(used) else 1]


def inside_vmap(values: Tensor) -> bool:
    """Tell whether torch.func transforms what is computed: then no shape may follow from values."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(values))
