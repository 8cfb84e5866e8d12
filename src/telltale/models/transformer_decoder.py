"""A small transformer that writes captions of pictures: a picture's feature is a prefix of each of its sentences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from telltale.checks import whole_number
from telltale.data.captions.vocabulary import START
from telltale.models.attention import Kept, blocks_of, earlier_in_caption, positions
from telltale.models.word_decoder import Memory, WordDecoder


class TransformerDecoder(WordDecoder):
    """Words attend to the picture and to the words before them in their caption, as in ClipCap (Mokady et al. 2021).

    A picture's feature is cut into `prefix` states, which attend to each other alone: they are computed once for all
    captions of a picture. A caption begins with <start>; a word's input is its embedding and its place's sines.

        words    number of words and marks
        width    of states
        layers   blocks
        heads    of each block's attention
        hidden   of each block's network
        prefix   states that the feature is cut into
    """

    def __init__(self, words: int, width: int, layers: int, heads: int, hidden: int, prefix: int) -> None:
        super().__init__()
        self.prefix = whole_number("model.prefix", prefix)
        self.blocks = blocks_of(layers, width, heads, hidden)
        self.embedding = nn.Embedding(words, width)
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, words)

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        """Predict from each word of the captions the next one, as `WordDecoder.forward`.

        features: (records, prefix · width).
        """
        own = earlier_in_caption(words, START)
        seen = nn.functional.pad(own, (0, 0, self.prefix, 0))  # of the picture, its own states alone
        seen = nn.functional.pad(seen, (self.prefix, 0), value=True)
        entering = self._entering(words, own.sum(2) - 1)
        states = torch.cat([features.unflatten(1, (self.prefix, -1)), entering], 1)
        for block in self.blocks:
            states, _ = block(states, seen)
        return self.output(self.norm(states[:, self.prefix :]))

    def first(self, features: Tensor) -> tuple[Tensor, Memory]:
        """Start a caption of each picture: log-probabilities (captions, words) of its first word."""
        states, memory = features.unflatten(1, (self.prefix, -1)), list[Tensor]()
        for block in self.blocks:
            states, kept = block(states, None)
            memory += kept
        return self.next(torch.full_like(features[:, 0], START, dtype=torch.int64), tuple(memory))

    def next(self, words: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Go on after a word a caption: log-probabilities (captions, words) of the next.

        memory: keys and values of each block, (captions, heads, prefix + words so far, width of a head).
        """
        place = memory[0].shape[2] - self.prefix
        states, kept = self._entering(words[:, None], torch.full_like(words[:, None], place)), list[Tensor]()
        for block, earlier in zip(self.blocks, _pairs(memory), strict=True):
            states, longer = block(states, None, earlier)
            kept += longer
        return self.output(self.norm(states[:, 0])).log_softmax(-1), tuple(kept)

    def _entering(self, words: Tensor, places: Tensor) -> Tensor:
        embedded = self.embedding(words)
        return embedded + positions(places, embedded.shape[-1]).to(embedded.dtype)


def _pairs(memory: Memory) -> list[Kept]:
    return list(zip(memory[::2], memory[1::2], strict=True))
