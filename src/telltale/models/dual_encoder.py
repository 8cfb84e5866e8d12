"""A small dual encoder, as CLIP (Radford et al. 2021): pictures and captions in one space, near where they belong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from telltale.data.captions.vocabulary import PAD
from telltale.models.attention import blocks_of, positions
from telltale.models.picture_side import PictureSide


class DualEncoder(PictureSide):
    """picture → f, by an encoder and a head (see `PictureSide`); caption → g, by a transformer; their cosine is said.

    A caption's words attend to each other; g = W · norm(mean over words of what they become). An embedding is f.

        width        of f and g, and of the transformer's states
        layers       its blocks
        heads        of each block's attention
        hidden       of each block's network
        least_count  how often a word occurs in the data set's captions to be in the list of words
        downloads    folder for weights that are `fetched`

    The others as in `PictureSide`. Raises InputError for an option out of range.
    """

    def __init__(
        self,
        encoder: str,
        channels: Sequence[int],
        width: int,
        layers: int,
        heads: int,
        hidden: int,
        norm: str = "batch",
        least_count: int = 3,
        vocabulary: str | None = None,
        shape: Sequence[int] | None = None,
        trunk: Mapping[str, str] | None = None,
        weights: Mapping[str, str | None] | None = None,
        side: int = 224,
        downloads: str | None = None,
    ) -> None:
        super().__init__(width, encoder, channels, norm, vocabulary, shape, trunk, weights, side)
        self.blocks = blocks_of(layers, width, heads, hidden)
        self.embedding = nn.Embedding(len(self.vocabulary), width)
        self.text_norm, self.text_head = nn.LayerNorm(width), nn.Linear(width, width, bias=False)

    def texts(self, words: Tensor, chosen: Tensor | None = None) -> Tensor:
        """Compute features of captions: (records, captions, length) int64 -> (records, width).

        chosen: (records,) which of a record's captions, from 0; None = the first.
        """
        if chosen is None:
            words = words[:, 0]
        else:
            words = torch.take_along_dim(words, chosen[:, None, None], 1)[:, 0]
        here, states = words != PAD, self.embedding(words)
        states = states + positions(torch.arange(words.shape[1], device=words.device), states.shape[-1]).to(
            states.dtype
        )
        seen = here[:, None].expand(-1, words.shape[1], -1)
        for block in self.blocks:
            states, _ = block(states, seen)
        weights = here.to(states.dtype)[..., None]
        return self.text_head(self.text_norm((states * weights).sum(1) / weights.sum(1).clamp_min(1)))

    def cosines(self, pictures: Tensor, words: Tensor) -> Tensor:
        """Compute the cosine of each picture with the first caption in its row: (records,)."""
        return (normalize(self(pictures)) * normalize(self.texts(words))).sum(1)
