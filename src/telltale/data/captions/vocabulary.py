"""The words a captioner knows, and captions as rows of their numbers (as build_vocab.py of M^4I's authors)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from telltale.checks import whole_number
from telltale.data.captions.words import words

PAD, START, END, UNKNOWN = range(4)
MARKS = ("<pad>", "<start>", "<end>", "<unk>")


@dataclass(frozen=True)
class Vocabulary:
    """Numbers of words: first MARKS, then `known`, which says as text, parted by blanks, what the words are."""

    known: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Return mark or word of each number."""
        return (*MARKS, *self.known.split())

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    @property
    def spelt(self) -> Container[str] | None:
        """Return the words that can be told from others, None for all; the others are one word."""
        return frozenset(self.words)

    def __len__(self) -> int:
        """Count marks and words."""
        return len(self.words)

    def row(self, caption: str) -> list[int]:
        """Number the words of a caption: <start> … <end>."""
        numbers = self._numbers
        return [START, *(numbers.get(word, UNKNOWN) for word in parted(caption)), END]

    def rows(self, captions: Sequence[Sequence[str]], width: int = 0) -> np.ndarray:
        """Number the captions of all records: (records, most captions, longest or `width`) int64.

        What has no word is <pad>, as the rows of captions that a record has fewer.
        """
        each = [[self.row(caption) for caption in own] for own in captions]
        most = max(map(len, each), default=0)
        filled = np.full((len(each), most, max([width, *(len(row) for own in each for row in own)])), PAD, np.int64)
        for place, own in enumerate(each):
            for row, numbers in zip(filled[place], own, strict=False):
                row[: len(numbers)] = numbers
        return filled

    def texts(self, tokens: np.ndarray) -> np.ndarray:
        """Write numbers (records, length) as captions, up to <end> or <pad>: (records,) of strings."""
        ended = (tokens == END) | (tokens == PAD)
        lengths = np.where(ended.any(1), ended.argmax(1), tokens.shape[1])
        named = (
            " ".join(self.words[number] for number in row[:length])
            for row, length in zip(tokens.tolist(), lengths, strict=True)
        )
        return np.array(list(named), dtype=str)


def parted(caption: str) -> list[str]:
    """Return the words of a caption, of a captioner's own too, which may hold <unk>."""
    first, *others = caption.split(MARKS[UNKNOWN])
    return [*words(first), *(word for other in others for word in (MARKS[UNKNOWN], *words(other)))]


def vocabulary_of(captions: Iterable[Sequence[str]], least_count: int) -> Vocabulary:
    """Return the words that occur at least so often in all captions of all records, in the order of the alphabet.

    It is made of a whole data set, members or not, and both sources: a public list of words, which tells nothing of
    who is in a model by its length or content. What two sources say alike of a thing counts once, so that a second
    vendor's pictures leave the list as it is. Raises InputError for a count out of range.
    """
    whole_number("model.least_count", least_count)
    counts = Counter(word for texts in dict.fromkeys(map(tuple, captions)) for text in texts for word in words(text))
    return Vocabulary(" ".join(sorted(word for word, count in counts.items() if count >= least_count)))
