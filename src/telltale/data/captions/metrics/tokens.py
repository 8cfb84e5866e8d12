"""Captions as padded numbers, one a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count
from typing import Self

import numpy as np

from telltale.data.captions.metrics.matches import matches

PAD = -1


@dataclass(frozen=True, eq=False)
class CaptionTokens:
    """n candidate captions and the references of each, one number a word, PAD after the last word.

    candidates: (n, longest candidate) int; references: (n, most references, longest reference) int; present: (n,
    most references) bool, which of them there are, one or more each; an empty caption has no word but is present.
    """

    candidates: np.ndarray
    references: np.ndarray
    present: np.ndarray

    def __post_init__(self) -> None:
        count, most = self.present.shape
        if self.candidates.shape[:1] != (count,) or self.references.shape[:2] != (count, most):
            shapes = (self.candidates.shape, self.references.shape, self.present.shape)
            raise ValueError(f"candidates, references and present have shapes {shapes}, which do not go together")
        if not self.present.any(1).all():
            raise ValueError("a candidate has no reference to be compared with")

    def __len__(self) -> int:
        """Count the candidates."""
        return len(self.candidates)

    @classmethod
    def of(cls, candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> Self:
        """Number the words of n candidates and of the references of each, all parted into words already."""
        if len(candidates) != len(references):
            raise ValueError(f"{len(candidates)} candidates, but references of {len(references)}")
        flat = [caption for captions in references for caption in captions]
        words = [*chain.from_iterable(candidates), *chain.from_iterable(flat)]
        number = dict(zip(dict.fromkeys(words), count(), strict=False))
        numbers = np.fromiter(map(number.__getitem__, words), np.int32, len(words))
        lengths = np.fromiter(map(len, candidates), np.int64, len(candidates))
        reference_lengths = np.fromiter(map(len, flat), np.int64, len(flat))
        counts = np.fromiter(map(len, references), np.int64, len(references))
        present = np.arange(counts.max(initial=1)) < counts[:, None]
        flat_references = _padded(numbers[lengths.sum() :], reference_lengths)
        padded = np.full((*present.shape, flat_references.shape[1]), PAD, np.int32)
        padded[present] = flat_references
        return cls(_padded(numbers[: lengths.sum()], lengths), padded, present)

    @cached_property
    def candidate_lengths(self) -> np.ndarray:
        """Count the words of each candidate: (n,)."""
        return (self.candidates != PAD).sum(-1)

    @cached_property
    def reference_lengths(self) -> np.ndarray:
        """Count the words of each reference: (n, most references)."""
        return (self.references != PAD).sum(-1)

    @cached_property
    def in_references(self) -> np.ndarray:
        """Tell where each word of a candidate stands in its references, as `matches` tells it."""
        return matches(_unlike(self.candidates)[:, None], self.references)

    @cached_property
    def in_candidates(self) -> np.ndarray:
        """Tell where else in a candidate each of its words stands, as `matches` tells it."""
        return matches(_unlike(self.candidates)[:, None], self.candidates[:, None])


def _unlike(captions: np.ndarray) -> np.ndarray:
    """Mark the end of captions by another number, which equals no word and no other end."""
    return np.where(captions == PAD, np.int32(PAD - 1), captions)


def _padded(numbers: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Put words that follow each other into a row for each caption: (all words,) -> (captions, longest)."""
    filled = np.full((len(lengths), lengths.max(initial=0)), PAD, numbers.dtype)
    filled[np.arange(filled.shape[1]) < lengths[:, None]] = numbers
    return filled
