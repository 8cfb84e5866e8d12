"""An LSTM that writes captions of pictures (Vinyals et al. 2015, "Show and Tell", without attention)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from telltale.data.captions.vocabulary import START
from telltale.models.word_decoder import Memory, WordDecoder


class CaptionDecoder(WordDecoder):
    """One layer (Hochreiter & Schmidhuber 1997; ⊙ elementwise), whose first input is the picture's feature:

        i, f, o = σ(W x + U h),  g = tanh(W x + U h),  c ← f ⊙ c + i ⊙ g,  h ← o ⊙ tanh(c),  logits = V h

    It is made of linear layers and a loop over words, so that torch.func.vmap runs it for many models or records,
    which a fused LSTM does not allow.
    """

    def __init__(self, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.embedding = nn.Embedding(words, width)
        self.given = nn.Linear(width, 4 * hidden)  # W
        self.recurrent = nn.Linear(hidden, 4 * hidden, bias=False)  # U
        self.output = nn.Linear(hidden, words)  # V

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        """Predict from each word of the captions the next one: logits (records, length, words).

        features: (records, width); words: (records, length) int64, captions one after the other: at each <start> the
        memory is emptied and the feature comes in. What is predicted from <end> and <pad> means nothing.
        """
        starts = (words == START)[..., None]
        inputs = self.given(torch.where(starts, features[:, None], self.embedding(words)))
        memory, kept = self.empty(features), (~starts).to(features.dtype)
        states = []
        for entering, keep in zip(inputs.unbind(1), kept.unbind(1), strict=True):
            memory = self.step(entering, (memory[0] * keep, memory[1] * keep))
            states.append(memory[0])
        return self.output(torch.stack(states, 1))

    def step(self, entering: Tensor, memory: Memory) -> Memory:
        """Take in W x of one word a caption: (captions, 4 hidden); memory: h and c, (captions, hidden) each."""
        hidden, cell = memory
        gates, candidate = (entering + self.recurrent(hidden)).split((3 * self.hidden, self.hidden), -1)
        i, f, o = gates.sigmoid().chunk(3, -1)
        cell = f * cell + i * candidate.tanh()
        return o * cell.tanh(), cell

    def empty(self, features: Tensor) -> Memory:
        """Return the memory before the first input."""
        zeros = features.new_zeros(len(features), self.hidden)
        return zeros, zeros

    def first(self, features: Tensor) -> tuple[Tensor, Memory]:
        """Start a caption of each picture: log-probabilities (captions, words) of its first word."""
        return self._predicted(self.step(self.given(features), self.empty(features)))

    def next(self, words: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Go on after a word a caption: log-probabilities (captions, words) of the next."""
        return self._predicted(self.step(self.given(self.embedding(words)), memory))

    def _predicted(self, memory: Memory) -> tuple[Tensor, Memory]:
        return self.output(memory[0]).log_softmax(-1), memory
