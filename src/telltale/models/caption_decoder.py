"""An LSTM that writes captions of pictures (Vinyals et al. 2015, "Show and Tell", without attention)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from telltale.models.plain_layers import wants_plain_layers
from telltale.models.word_decoder import Memory, WordDecoder, WordsOfPicture, word_embedding


class CaptionDecoder(WordDecoder):
    """One layer (Hochreiter & Schmidhuber 1997; ⊙ elementwise), whose first input is the picture's feature:

        i, f, o = σ(W x + U h),  g = tanh(W x + U h),  c ← f ⊙ c + i ⊙ g,  h ← o ⊙ tanh(c),  logits = V h

    It is made of linear layers and a loop over words, for where plain layers are wanted. Elsewhere torch's fused LSTM
    takes given captions in with the same weights.
    """

    def __init__(self, words: int, width: int, hidden: int, word_deviation: float) -> None:
        super().__init__()
        self.hidden = hidden
        self.embedding = word_embedding(words, width, word_deviation)
        self.given = nn.Linear(width, 4 * hidden)  # W
        self.recurrent = nn.Linear(hidden, 4 * hidden, bias=False)  # U
        self.output: nn.Linear = nn.Linear(hidden, words)  # V
        self.words_of = WordsOfPicture()

    def states(self, features: Tensor, words: Tensor) -> Tensor:
        """Compute what the next word is predicted from, as `WordDecoder.states`; features: (records, width)."""
        captions = words.shape[1]
        shown = features.repeat_interleave(captions, 0)[:, None]
        inputs = torch.cat([shown, self.embedding(words[..., 1:].flatten(0, 1))], 1)
        states = self._word_by_word(inputs) if wants_plain_layers(words) else self._fused(inputs)
        return states.unflatten(0, (-1, captions))

    def _word_by_word(self, inputs: Tensor) -> Tensor:
        """Take inputs in one after the other: (captions, length, width) -> h after each, (captions, length, hidden)."""
        memory, states = self.empty(inputs[:, 0]), []
        for entering in self.given(inputs).unbind(1):
            memory = self.step(entering, memory)
            states.append(memory[0])
        return torch.stack(states, 1)

    def _fused(self, inputs: Tensor) -> Tensor:
        """Do as `_word_by_word` does; torch's order of gates is i, f, g, o."""
        empty = inputs.new_zeros(1, len(inputs), self.hidden)
        given, recurrent, bias = (
            torch.cat([part[: 2 * self.hidden], part[3 * self.hidden :], part[2 * self.hidden : 3 * self.hidden]])
            for part in (self.given.weight, self.recurrent.weight, self.given.bias)
        )
        weights = (given, recurrent, bias, torch.zeros_like(bias))
        states: Tensor = torch.lstm(inputs, (empty, empty), weights, True, 1, 0.0, self.training, False, True)[0]
        return states

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

    def of_picture(self, features: Tensor) -> Tensor:
        """Find a word probable by its embedding e, as `WordDecoder.of_picture`: softmax(e · feature + bias of V)."""
        return self.words_of(features, self.embedding.weight, self.output.bias).log_softmax(-1)

    def first(self, features: Tensor) -> tuple[Tensor, Memory]:
        """Start a caption of each picture: log-probabilities (captions, words) of its first word."""
        return self._predicted(self.step(self.given(features), self.empty(features)))

    def next(self, words: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Go on after a word a caption: log-probabilities (captions, words) of the next."""
        return self._predicted(self.step(self.given(self.embedding(words)), memory))

    def _predicted(self, memory: Memory) -> tuple[Tensor, Memory]:
        return self.output(memory[0]).log_softmax(-1), memory
