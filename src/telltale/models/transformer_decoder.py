"""A small transformer that writes captions of pictures: a picture's feature is a prefix of each of its sentences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from telltale.checks import whole_number
from telltale.data.captions.vocabulary import START
from telltale.models.attention import Kept, blocks_of, positions
from telltale.models.word_decoder import Memory, WordDecoder, WordsOfPicture, word_embedding


class TransformerDecoder(WordDecoder):
    """Words attend to the picture and to the words before them in their caption, as in ClipCap (Mokady et al. 2021).

    A picture's feature is cut into `prefix` states, which attend to each other alone: they are computed once for all
    captions of a picture. A caption begins with <start>; a word's input is its embedding and its place's sines.

        words           number of words and marks
        width           of states
        layers          blocks
        heads           of each block's attention
        hidden          of each block's network
        prefix          states that the feature is cut into
        word_deviation  as in `word_embedding`
    """

    def __init__(
        self, words: int, width: int, layers: int, heads: int, hidden: int, prefix: int, word_deviation: float
    ) -> None:
        super().__init__()
        self.prefix = whole_number("model.prefix", prefix)
        self.blocks = blocks_of(layers, width, heads, hidden)
        self.embedding = word_embedding(words, width, word_deviation)
        self.norm, self.output, self.words_of = nn.LayerNorm(width), nn.Linear(width, words), WordsOfPicture()

    def states(self, features: Tensor, words: Tensor) -> Tensor:
        """Compute what the next word is predicted from, as `WordDecoder.states`; features: (records, prefix · w)."""
        captions, length = words.shape[1:]
        seen = torch.ones(length, length, dtype=torch.bool, device=words.device).tril()
        seen = nn.functional.pad(seen, (self.prefix, 0), value=True)[None]
        states = self._entering(words.flatten(0, 1), torch.arange(length, device=words.device))
        of_captions = [part.repeat_interleave(captions, 0) for part in self._of_pictures(features)]
        for block, shown in zip(self.blocks, _pairs(tuple(of_captions)), strict=True):
            states, _ = block(states, seen, shown)
        return self.norm(states).unflatten(0, (-1, captions))

    def of_picture(self, features: Tensor) -> Tensor:
        """Find a word probable by its embedding e, as `WordDecoder.of_picture`: softmax(e · s + bias of the output).

        s: the sum of the states that a picture's feature is cut into.
        """
        states = features.unflatten(1, (self.prefix, -1)).sum(1)
        return self.words_of(states, self.embedding.weight, self.output.bias).log_softmax(-1)

    def first(self, features: Tensor) -> tuple[Tensor, Memory]:
        """Start a caption of each picture: log-probabilities (captions, words) of its first word."""
        return self.next(torch.full_like(features[:, 0], START, dtype=torch.int64), self._of_pictures(features))

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

    def _of_pictures(self, features: Tensor) -> Memory:
        """Return what words see of pictures: keys and values of each block."""
        states, memory = features.unflatten(1, (self.prefix, -1)), list[Tensor]()
        for block in self.blocks:
            states, kept = block(states, None)
            memory += kept
        return tuple(memory)

    def _entering(self, words: Tensor, places: Tensor) -> Tensor:
        embedded = self.embedding(words)
        return embedded + positions(places, embedded.shape[-1]).to(embedded.dtype)


def _pairs(memory: Memory) -> list[Kept]:
    return list(zip(memory[::2], memory[1::2], strict=True))
