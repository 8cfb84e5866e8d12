"""The tokens of a captioner that a user brings, numbered as the words of ours: marks first."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from telltale.data.captions.vocabulary import END, MARKS, PAD, START, Vocabulary
from telltale.data.captions.words import words


@dataclass(frozen=True, eq=False)
class TokenVocabulary(Vocabulary):
    """Numbers of tokens: MARKS, then those of `tokenizer`, a tokenizer of the package transformers; size: how many."""

    tokenizer: Any = field(repr=False)
    size: int

    @property
    def spelt(self) -> Container[str] | None:
        """Return the words that the tokenizer parts into tokens that it has, None where it has some for all."""
        return None if self.tokenizer.unk_token_id is None else _Spelt(self.tokenizer)

    def __len__(self) -> int:
        """Count marks and tokens."""
        return len(MARKS) + self.size

    def row(self, caption: str) -> list[int]:
        """Number the tokens of a caption: <start> … <end>."""
        tokens = self.tokenizer(caption, add_special_tokens=False).input_ids
        return [START, *(len(MARKS) + token for token in tokens), END]

    def texts(self, tokens: np.ndarray) -> np.ndarray:
        """Write numbers (records, length), up to <end> or <pad>, as words parted by blanks: (records,) of strings."""
        ended = (tokens == END) | (tokens == PAD)
        lengths = np.where(ended.any(1), ended.argmax(1), tokens.shape[1])
        told = []
        for row, length in zip(tokens, lengths.tolist(), strict=True):
            coded = [number - len(MARKS) for number in row[:length].tolist() if number >= len(MARKS)]
            told.append(" ".join(words(self.tokenizer.decode(coded, skip_special_tokens=True))))
        return np.array(told, dtype=str)


class _Spelt:
    """The words of which a tokenizer leaves nothing out; each is tried once."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.tried = tokenizer, dict[str, bool]()

    def __contains__(self, word: object) -> bool:
        if (text := str(word)) not in self.tried:
            tokens = self.tokenizer(text, add_special_tokens=False).input_ids
            self.tried[text] = self.tokenizer.unk_token_id not in tokens
        return self.tried[text]
