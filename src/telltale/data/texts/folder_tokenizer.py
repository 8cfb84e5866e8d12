"""The tokenizer that came with a model in a folder (tokenizer.json), as texts for that model have to be cut by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.texts.records import END, PAD, START, Encoded
from telltale.errors import InputError

FILE, MARKS = "tokenizer.json", 3  # PAD, START and END come first, then its own tokens in their order


@dataclass(frozen=True)
class FolderTokens:
    """A tokenizer of somebody's; text: its tokenizer.json."""

    text: str = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """Name it by all that it does: 32 hexadecimal digits."""
        return blake2b(self.text.encode(), digest_size=16).hexdigest()

    @property
    def vocabulary(self) -> int:
        """Count the numbers up to its last token, though some may be no token's, and PAD, START and END before."""
        return MARKS + 1 + max(_opened(self.text).get_vocab(with_added_tokens=True).values(), default=-1)

    def is_word(self, number: int) -> bool:
        """Say whether it makes a token, by its own number, of some text: of its name, or of what it stands for."""
        tokenizer = _opened(self.text)
        added = tokenizer.get_added_tokens_decoder().get(number)
        if tokenizer.id_to_token(number) is None or (added and added.special):
            return False
        texts = [tokenizer.id_to_token(number), tokenizer.decode([number], skip_special_tokens=False)]
        made = (tokenizer.encode(text, add_special_tokens=False).ids for text in texts if text)
        return any(number in ids for ids in made)

    def encode(self, texts: Sequence[str], context: int) -> Encoded:
        """Return the tokens of each text: START, the text, END where all of it fits, then PAD."""
        tokens = np.full((len(texts), context), PAD, np.int64)
        cut = np.zeros(len(texts), bool)
        for row, known in enumerate(_opened(self.text).encode_batch_fast(list(texts), add_special_tokens=False)):
            numbers = [START, *(MARKS + number for number in known.ids), END]
            cut[row] = len(numbers) - 1 > context
            tokens[row, : len(numbers)] = numbers[:context]
        return Encoded(tokens, cut)

    def decode(self, tokens: np.ndarray) -> list[str]:
        """Return the text of each row of tokens: (n, context) -> n texts."""
        rows = [[number - MARKS for number in row if number >= MARKS] for row in tokens.tolist()]
        return list(_opened(self.text).decode_batch(rows))


def in_folder(folder: Path, option: str) -> FolderTokens:
    """Read the tokenizer of a folder. Raises InputError, in the name of an option, for one that cannot be read."""
    file = folder / FILE
    try:
        text = json.dumps(json.loads(file.read_text(encoding="utf-8")), ensure_ascii=False, sort_keys=True)
        _opened(text)
    except Exception as error:  # of the library, which has one class for all
        why = (str(error).splitlines() or [repr(error)])[0]
        raise InputError(option, str(folder), f"a folder whose {FILE} can be read ({why})") from None
    return FolderTokens(text)


@cache
def _opened(text: str) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # a text may say <|endoftext|>
    return tokenizer
