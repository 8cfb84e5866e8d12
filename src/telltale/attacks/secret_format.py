"""Secrets of one format: a template with random symbols in it, and how exposed each is among all others it could be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from telltale.errors import InputError

SECRET = "{secret}"
DIGITS = tuple("0123456789")
WORDS = 1000  # most frequent ones, of which secrets of words are made
ENUMERABLE = 2**14  # secrets, up to which all of a format are asked for


@dataclass(frozen=True)
class Format:
    """All texts of one template: `length` symbols, each one of `symbols`, in the place of {secret}.

    A secret is known by its number, from 0 to `size` - 1: its symbols are the digits.

    >>> Format("the code is {secret}", DIGITS, 3).texts([42])
    ['the code is 0 4 2']
    """

    template: str
    symbols: tuple[str, ...]
    length: int

    @property
    def size(self) -> int:
        """Count the secrets there are, |R|."""
        return int(len(self.symbols) ** self.length)

    def texts(self, numbers: Iterable[int]) -> list[str]:
        """Write secrets out."""
        return [self.template.replace(SECRET, " ".join(self._symbols(int(number)))) for number in numbers]

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw so many different secrets, all alike likely: (count,) int64, in random order."""
        if self.size <= 4 * count:
            return rng.permutation(self.size)[:count]
        drawn = np.empty(0, np.int64)
        while len(drawn) < count:
            more = np.concatenate([drawn, rng.integers(self.size, size=count)])
            drawn = more[np.sort(np.unique(more, return_index=True)[1])]
        return drawn[:count]

    def others(self, than: Collection[str], count: int, rng: np.random.Generator) -> list[str]:
        """Return secrets that are none of `than`: all of a small format, else so many, drawn at random."""
        if self.size <= ENUMERABLE:
            return [text for text in self.texts(range(self.size)) if text not in than]
        return [text for text in self.texts(self.draw(count + len(than), rng)) if text not in than][:count]

    def _symbols(self, number: int) -> list[str]:
        places = []
        for _ in range(self.length):
            number, place = divmod(number, len(self.symbols))
            places.append(self.symbols[place])
        return places[::-1]


def common_words(texts: Iterable[str], number: int = WORDS) -> tuple[str, ...]:
    """Return the words of small letters that most of the texts have, in alphabetical order; fewer if there are no more.

    >>> common_words(["a red hat", "the red fox"], 2)
    ('fox', 'red')
    """
    counts = Counter(word for text in texts for word in set(re.findall(r"(?<!\S)[a-z]{3,}(?!\S)", text)))
    return tuple(sorted(sorted(counts, key=lambda word: (-counts[word], word))[:number]))


def exposure(secrets: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how exposed each secret is, in bits: (secrets,).

        exposure(s) = log2 |R| − log2 rank(s),   rank 1 = the most probable

    Carlini et al. (USENIX Security 2019, arXiv 1802.08232), definition by rank. R: the secret and `others`, (others,)
    log p of secrets of its format that no model was trained on; equal ones share their ranks. Of a sample of a format
    it is the exposure in that sample: at most log2 |R|, where the secret comes before all.

    >>> exposure(np.array([-1.0, -9.0]), np.array([-5.0, -6.0, -7.0])).tolist()  # first of four, and last
    [2.0, 0.0]
    """
    ordered = np.sort(others)
    above = len(ordered) - np.searchsorted(ordered, secrets, side="right")
    equal = len(ordered) - np.searchsorted(ordered, secrets, side="left") - above
    ranks = 1 + above + equal / 2
    bits: np.ndarray = np.log2(1 + len(ordered)) - np.log2(ranks)
    return bits


def check_template(field: str, template: object) -> str:
    """Return the template. Raises InputError unless it has one place for the secret."""
    if not isinstance(template, str) or template.count(SECRET) != 1:
        raise InputError(field, template, f"a text with {SECRET} in it, once")
    return template
