"""How a decoder of captions is asked for whole sentences: greedily, or by beams, many pictures at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from telltale.checks import number
from telltale.data.captions.vocabulary import END, PAD, START
from telltale.models.plain_layers import Shift, Unembedding

Memory = tuple[Tensor, ...]  # what a decoder keeps of the words so far, captions first: (captions, …) each


class WordDecoder(nn.Module):
    """A network that writes a caption word by word; `features`, (pictures, …), are what an encoder makes of them.

    A subclass says what it makes of given captions (`states`), how probable the next word is then (`output`), and how
    a caption begins (`first`) and goes on (`next`).
    """

    output: nn.Module  # of states (…, wide), each by itself: logits (…, words)

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        """Predict from each word of the captions the next one: logits (records, captions, length, words).

        words: (records, captions, length) int64, each caption from its <start>. What is predicted from <end> and <pad>
        means nothing.
        """
        logits: Tensor = self.output(self.states(features, words))
        return logits

    def states(self, features: Tensor, words: Tensor) -> Tensor:
        """Compute what the next word is predicted from: (records, captions, length, wide); `words` as in `forward`."""
        raise NotImplementedError

    def first(self, features: Tensor) -> tuple[Tensor, Memory]:
        """Start a caption of each picture: log-probabilities (captions, words) of its first word."""
        raise NotImplementedError

    def next(self, words: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Go on after a word a caption: log-probabilities (captions, words) of the next."""
        raise NotImplementedError

    def of_picture(self, features: Tensor) -> Tensor:
        """Find words probable of a picture, in no order: log-probabilities (pictures, words); where it `sees_words`."""
        raise NotImplementedError

    @property
    def sees_words(self) -> bool:
        """Say whether it has a way to a picture's words beside its sentences."""
        return type(self).of_picture is not WordDecoder.of_picture

    def greedy(self, features: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        """Choose the most probable word at each step: words (records, longest), <pad> after the end, and the
        log-probability (records,) of each caption with its <end>.
        """
        scores, memory = self.first(features)
        total, going = scores.new_zeros(len(scores)), torch.ones_like(scores[:, 0], dtype=torch.bool)
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
        memory = tuple(part.repeat_interleave(width, 0) for part in memory)
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
            memory = tuple(part[rows] for part in memory)
        best, which = scores.max(-1)
        best_caption = captions[torch.arange(records, device=which.device), which]
        best_caption = filled_up(best_caption.masked_fill(best_caption == END, PAD), longest)
        plain, plain_score = self.greedy(features, longest)
        better = best > plain_score
        return torch.where(better[:, None], best_caption, plain), torch.where(better, best, plain_score)


class WordsOfPicture(nn.Module):
    """Logits of words by their embeddings and the output's bias, both a decoder's own: (pictures, words)."""

    def __init__(self) -> None:
        super().__init__()
        self.unembedding, self.shift = Unembedding(), Shift()

    def forward(self, states: Tensor, embeddings: Tensor, bias: Tensor) -> Tensor:
        """Multiply and add; states: (pictures, width)."""
        logits: Tensor = self.shift(self.unembedding(states, embeddings), bias)
        return logits


def word_embedding(words: int, width: int, deviation: float) -> nn.Embedding:
    """Return embeddings of words, normal with this standard deviation: torch's draws, times it.

    Small ones let what a picture is come first: large ones tell words apart before anything is learned.
    Raises InputError for a deviation that is not above 0.
    """
    embedding = nn.Embedding(words, width)
    with torch.no_grad():
        embedding.weight.mul_(number("model.word_deviation", deviation, above=0))
    return embedding


def without_marks(scores: Tensor) -> Tensor:
    """Leave out what no caption has inside: <pad> and <start>."""
    return scores.index_fill(-1, torch.tensor([PAD, START], device=scores.device), -torch.inf)


def filled_up(words: Tensor, longest: int) -> Tensor:
    """Fill captions (records, length) up with <pad> to a common length."""
    return nn.functional.pad(words, (0, longest - words.shape[1]), value=PAD)
