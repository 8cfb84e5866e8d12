"""Texts as records: rows of token numbers, what they were made of, and what a report may show of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from telltale.data.digests import as_digests, digests_of, once, with_known_digests
from telltale.data.records import check_labels, input_digests, of_classes

PAD, START, END = 0, 1, 2  # the first numbers of every vocabulary


class Encoded(NamedTuple):
    """tokens: (n, context) int64, as in `TextRecords`; cut: (n,) bool, the text is longer than its row."""

    tokens: np.ndarray
    cut: np.ndarray


class Codec(Protocol):
    """What makes tokens of texts: a tokenizer of ours, or one that came with a model."""

    @property
    def digest(self) -> str:
        """Name it by all that it does."""
        ...

    @property
    def vocabulary(self) -> int:
        """Count its tokens, PAD, START and END among them."""
        ...

    def encode(self, texts: Sequence[str], context: int) -> Encoded:
        """Return the tokens of each text, rows of `context`."""
        ...

    def decode(self, tokens: np.ndarray) -> list[str]:
        """Return the text of each row of tokens: (n, context) -> n texts."""
        ...


@dataclass(frozen=True, eq=False)
class TextRecords:
    """An ordered set of n texts, tokenised.

    tokens      (n, context) int64, positions in the vocabulary: START, the text, END where all of it fits, then PAD
    vocabulary  number of tokens there are, PAD, START and END among them
    tokenizer   digest of the tokenizer that made the tokens; texts of two tokenizers never meet in a model
    source      the data set, as printed beside every figure
    texts       (n,) object array of str, what was tokenised, for who owns the texts or judges them
    shown       (n,) object array of str, what a report may print of each: the text, or who, when and how long
    groups      (n,) int64, records of one group (near-equal texts, one author) never lie in two pools
    labels      (n,) int64, the class of each, None = not labelled
    classes     their names, a label is a position there
    ids         (n,) text, what their owner calls them; None = nothing
    near        (n,) int64, near-equal texts have one number, and no two of them are challenge records; None = none are
    near_equal  share of their runs of three words from which texts of it are near-equal; None = only the equal are
    codec       the tokenizer itself, for who has more texts to tokenise or samples to read; None = it is not at hand
    """

    tokens: np.ndarray
    vocabulary: int
    tokenizer: str
    source: str
    texts: np.ndarray
    shown: np.ndarray
    groups: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    ids: np.ndarray | None = None
    near: np.ndarray | None = None
    near_equal: float | None = None
    codec: Codec | None = None
    kind: str = field(default="text", init=False)

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2 or self.tokens.dtype != np.int64:
            raise ValueError(f"tokens are {self.tokens.dtype} {self.tokens.shape}, expected int64 (texts, context)")
        if self.tokens.size and not (self.tokens.min() >= 0 and self.tokens.max() < self.vocabulary):
            raise ValueError(f"tokens run to {self.tokens.max()}, but the vocabulary has {self.vocabulary}")
        near = () if self.near is None else (self.near,)
        lengths = {len(part) for part in (self.texts, self.shown, self.groups, *near)}
        if lengths != {len(self.tokens)} or self.groups.dtype != np.int64:
            raise ValueError(f"{len(self.tokens)} rows of tokens, but texts, shown and groups of {sorted(lengths)}")
        if self.labels is not None:
            check_labels(len(self.tokens), self.labels, self.classes)

    def __len__(self) -> int:
        """Count the texts."""
        return len(self.tokens)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one text as a model sees it: (context,)."""
        return self.tokens.shape[1:]

    @property
    def readable(self) -> bool:
        """Say whether a report may print the texts as they are; of none at all nobody has said so."""
        return len(self) > 0 and np.array_equal(self.shown, self.texts)

    def take(self, rows: np.ndarray) -> Self:
        """Return the texts at `rows` (indices or a boolean mask), in that order."""
        names = ("tokens", "texts", "shown", "groups", "labels", "ids", "near")
        parts: dict[str, Any] = {name: None if (part := getattr(self, name)) is None else part[rows] for name in names}
        return with_known_digests(replace(self, **parts), self, rows)

    def of_classes(self, which: Sequence[int]) -> Self:
        """Return the texts of the classes `which`, labelled by the position there; InputError as `of_classes` says."""
        return of_classes(self, which)

    @once("_fingerprints_kept")
    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each row of tokens with its label, if any, (n,) dtype S16."""
        return digests_of(self.tokens, self.labels)

    def arrays(self) -> Self:
        """Return the records themselves: they are plain arrays already."""
        return self


@input_digests.register
@once("_input_digests_kept")
def _(records: TextRecords) -> np.ndarray:
    """Digest the tokens: all that a model is fed."""
    return digests_of(records.tokens)


def text_digests(texts: Sequence[str]) -> np.ndarray:
    """Return the BLAKE2b digest of each text: (n,) dtype S16."""
    return as_digests(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts)
