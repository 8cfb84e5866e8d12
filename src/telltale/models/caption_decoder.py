"""An LSTM that writes captions of pictures (Vinyals et al. 2015, "Show and Tell", without attention)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from telltale.data.captions.vocabulary import END, PAD, START

Memory = tuple[Tensor, Tensor]  # h and c: (rows, hidden) each


class CaptionDecoder(nn.Module):
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

    def forward(self, features: Tensor, rows: Tensor) -> Tensor:
        """Predict from each word of the captions the next one: logits (records, length, words).

        features: (records, width); rows: (records, length) int64, captions one after the other: at each <start> the
        memory is emptied and the feature comes in. What is predicted from <end> and <pad> means nothing.
        """
        starts = (rows == START)[..., None]
        inputs = self.given(torch.where(starts, features[:, None], self.embedding(rows)))
        memory, kept = self.empty(features), (~starts).to(features.dtype)
        states = []
        for given, keep in zip(inputs.unbind(1), kept.unbind(1), strict=True):
            memory = self.step(given, (memory[0] * keep, memory[1] * keep))
            states.append(memory[0])
        return self.output(torch.stack(states, 1))

    def step(self, given: Tensor, memory: Memory) -> Memory:
        """Take in W x of one word a row: (rows, 4 hidden)."""
        hidden, cell = memory
        gates, candidate = (given + self.recurrent(hidden)).split((3 * self.hidden, self.hidden), -1)
        entering, kept, shown = gates.sigmoid().chunk(3, -1)
        cell = kept * cell + entering * candidate.tanh()
        return shown * cell.tanh(), cell

    def empty(self, features: Tensor) -> Memory:
        """Return the memory before the first input."""
        zeros = features.new_zeros(len(features), self.hidden)
        return zeros, zeros

    def first(self, features: Tensor) -> tuple[Tensor, Memory]:
        """Start a caption of each picture: log-probabilities (rows, words) of its first word."""
        return self._told(self.step(self.given(features), self.empty(features)))

    def next(self, words: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Go on after a word a row: log-probabilities (rows, words) of the next."""
        return self._told(self.step(self.given(self.embedding(words)), memory))

    def _told(self, memory: Memory) -> tuple[Tensor, Memory]:
        return self.output(memory[0]).log_softmax(-1), memory

    def greedy(self, features: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        """Choose the most probable word at each step: words (records, longest), <pad> after the end, and the
        log-probability (records,) of each caption with its <end>.
        """
        told, memory = self.first(features)
        total, going = features.new_zeros(len(features)), torch.ones_like(features[:, 0], dtype=torch.bool)
        chosen = []
        for _ in range(longest):
            best, word = without_marks(told).max(-1)
            total = total + best * going
            going = going & (word != END)
            chosen.append(torch.where(going, word, PAD))
            if not going.any():
                break
            told, memory = self.next(word, memory)
        return filled_up(torch.stack(chosen, 1), longest), total

    def beam(self, features: Tensor, longest: int, width: int) -> tuple[Tensor, Tensor]:
        """Keep the `width` most probable beginnings at each step; shapes as `greedy`, whose caption is a candidate too.

        So a wider beam never tells a less probable caption than the greedy one.
        """
        records = len(features)
        told, memory = self.first(features)
        told, words = without_marks(told), told.shape[-1]
        scores, chosen = told.topk(min(width, words), -1)  # (records, beams)
        width = scores.shape[1]
        captions = chosen[..., None]
        memory = tuple(one.repeat_interleave(width, 0) for one in memory)  # type: ignore[assignment]
        for _ in range(longest - 1):
            last = captions[..., -1]
            ended = (last == END) | (last == PAD)
            if ended.all():
                break
            told, memory = self.next(last.flatten(), memory)
            told = without_marks(told).view(records, width, words)
            only_pad = torch.full_like(told, -torch.inf)
            only_pad[..., PAD] = 0  # what has ended stays as it is
            told = torch.where(ended[..., None], only_pad, told)
            scores, place = (scores[..., None] + told).flatten(1).topk(width, -1)
            origin, word = place // words, place % words
            captions = torch.cat([captions.gather(1, origin[..., None].expand_as(captions)), word[..., None]], -1)
            rows = (torch.arange(records, device=origin.device)[:, None] * width + origin).flatten()
            memory = memory[0][rows], memory[1][rows]
        best, which = scores.max(-1)
        found = captions[torch.arange(records, device=which.device), which]
        found = filled_up(found.masked_fill(found == END, PAD), longest)
        plain, plain_score = self.greedy(features, longest)
        better = best > plain_score
        return torch.where(better[:, None], found, plain), torch.where(better, best, plain_score)


def without_marks(told: Tensor) -> Tensor:
    """Leave out what no caption has inside: <pad> and <start>."""
    return told.index_fill(-1, torch.tensor([PAD, START], device=told.device), -torch.inf)


def filled_up(words: Tensor, longest: int) -> Tensor:
    """Fill captions (records, length) up with <pad> to a common length."""
    return nn.functional.pad(words, (0, longest - words.shape[1]), value=PAD)
