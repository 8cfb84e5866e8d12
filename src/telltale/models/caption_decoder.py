"""An LSTM that writes captions of pictures (Vinyals et al. 2015, "Show and Tell", without attention)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from telltale.data.captions.vocabulary import END, PAD, START

Memory = tuple[Tensor, Tensor]  # h and c: (captions, hidden) each


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
        """Take in W x of one word a caption: (captions, 4 hidden)."""
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

    def greedy(self, features: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        """Choose the most probable word at each step: words (records, longest), <pad> after the end, and the
        log-probability (records,) of each caption with its <end>.
        """
        scores, memory = self.first(features)
        total, going = features.new_zeros(len(features)), torch.ones_like(features[:, 0], dtype=torch.bool)
        caption = []
        for _ in range(longest):
            best, word = without_marks(scores).max(-1)
            total = total + best * going
            going = going & (word != END)
            caption.append(torch.where(going, word, PAD))
            if not going.any():
                break
            scores, memory = self.next(word, memory)
        return filled_up(torch.stack(caption, 1), longest), total

    def beam(self, features: Tensor, longest: int, width: int) -> tuple[Tensor, Tensor]:
        """Keep the `width` most probable beginnings at each step; shapes as `greedy`, whose caption is a candidate too.

        So a wider beam never tells a less probable caption than the greedy one.
        """
        records = len(features)
        following, memory = self.first(features)
        following, words = without_marks(following), following.shape[-1]
        scores, beginnings = following.topk(min(width, words), -1)  # (records, beams)
        width = scores.shape[1]
        captions = beginnings[..., None]
        memory = memory[0].repeat_interleave(width, 0), memory[1].repeat_interleave(width, 0)
        for _ in range(longest - 1):
            last = captions[..., -1]
            ended = (last == END) | (last == PAD)
            if ended.all():
                break
            following, memory = self.next(last.flatten(), memory)
            following = without_marks(following).view(records, width, words)
            only_pad = torch.full_like(following, -torch.inf)
            only_pad[..., PAD] = 0  # what has ended stays as it is
            following = torch.where(ended[..., None], only_pad, following)
            scores, place = (scores[..., None] + following).flatten(1).topk(width, -1)
            origin, word = place // words, place % words
            captions = torch.cat([captions.gather(1, origin[..., None].expand_as(captions)), word[..., None]], -1)
            rows = (torch.arange(records, device=origin.device)[:, None] * width + origin).flatten()
            memory = memory[0][rows], memory[1][rows]
        best, which = scores.max(-1)
        best_caption = captions[torch.arange(records, device=which.device), which]
        best_caption = filled_up(best_caption.masked_fill(best_caption == END, PAD), longest)
        plain, plain_score = self.greedy(features, longest)
        better = best > plain_score
        return torch.where(better[:, None], best_caption, plain), torch.where(better, best, plain_score)


def without_marks(scores: Tensor) -> Tensor:
    """Leave out what no caption has inside: <pad> and <start>."""
    return scores.index_fill(-1, torch.tensor([PAD, START], device=scores.device), -torch.inf)


def filled_up(words: Tensor, longest: int) -> Tensor:
    """Fill captions (records, length) up with <pad> to a common length."""
    return nn.functional.pad(words, (0, longest - words.shape[1]), value=PAD)
