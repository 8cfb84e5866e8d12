"""A byte-pair tokenizer (Sennrich et al. 2016, on bytes), learned on records that are nobody's to protect."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from telltale.data.kept import content_digest
from telltale.data.molecules.cache import through_cache, write_whole
from telltale.data.texts.records import END, PAD, START, Encoded
from telltale.errors import InputError

SPECIAL = ("<pad>", "<start>", "<end>")  # in the order of PAD, START, END
BYTES = len(SPECIAL) + 256  # a vocabulary of single bytes, of which nothing is learned
TOGETHER = 512  # words that the library is handed as one text: it takes longer to begin one than to cut a word
LEAST = 2  # times that a pair of tokens is seen before it becomes one


@dataclass(frozen=True)
class BytePairs:
    """A tokenizer that was learned here.

    text        it, as a tokenizer.json of the library `tokenizers`
    learned_on  digest of the records, the size and the library that it was learned on and with
    """

    text: str = field(repr=False)
    learned_on: str

    @cached_property
    def digest(self) -> str:
        """Name it by all that it does: 32 hexadecimal digits."""
        return blake2b(self.text.encode(), digest_size=16).hexdigest()

    @property
    def vocabulary(self) -> int:
        """Count its tokens, PAD, START and END among them."""
        return int(_opened(self.text).get_vocab_size())

    def encode(self, texts: Sequence[str], context: int) -> Encoded:
        """Return the tokens of each text: START, the text, END where all of it fits, then PAD.

        A word stands with the space before it, so each is looked up once, however often it is there.
        """
        words = [text.split(" ") for text in texts]
        counts = np.fromiter(map(len, words), np.int64, len(words))
        word, distinct = pd.factorize(np.array([each for of_text in words for each in of_text], dtype=object))
        return _rows(word, counts, *self._pieces(distinct.tolist()), context)

    def _pieces(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the tokens of all words in a row, and how many each has; the first of each begins with its space."""
        tokenizer = _opened(self.text)
        joined = [" " + " ".join(words[start : start + TOGETHER]) for start in range(0, len(words), TOGETHER)]
        known = tokenizer.encode_batch_fast(joined, add_special_tokens=False)
        pieces = np.concatenate([np.zeros(0, np.int64), *(np.array(one.ids, np.int64) for one in known)])
        firsts = np.flatnonzero(_begins_word(self.text)[pieces])
        return pieces, np.diff(np.append(firsts, len(pieces)))

    def decode(self, tokens: np.ndarray) -> list[str]:
        """Return the text of each row of tokens: (n, context) -> n texts."""
        rows = [[token for token in row if token > END] for row in tokens.tolist()]
        return [text.removeprefix(" ") for text in _opened(self.text).decode_batch(rows)]


def _rows(word: np.ndarray, counts: np.ndarray, pieces: np.ndarray, sizes: np.ndarray, context: int) -> Encoded:
    """Lay the pieces of each text's words out in its row.

    word: (words of all texts,) position among the distinct ones; counts: (n,) words of each text; pieces: of all
    distinct words in a row; sizes: (distinct,) how many each has.
    """
    starts = np.cumsum(sizes) - sizes
    of_word = sizes[word]
    text = np.repeat(np.arange(len(counts)), counts)  # of each word
    before = np.cumsum(of_word) - of_word  # pieces of all texts before each word
    lengths = np.bincount(text, of_word, minlength=len(counts)).astype(np.int64)
    first = np.cumsum(lengths) - lengths
    place = 1 + np.repeat(before - first[text], of_word) + runs(of_word)  # in its row, START is there first
    piece = pieces[np.repeat(starts[word], of_word) + runs(of_word)]
    tokens = np.full((len(counts), context), PAD, np.int64)
    tokens[:, 0] = START
    fits = place < context
    tokens[np.repeat(text, of_word)[fits], place[fits]] = piece[fits]
    ends = np.flatnonzero(lengths + 1 < context)
    tokens[ends, lengths[ends] + 1] = END
    return Encoded(tokens, lengths + 1 > context)


def runs(sizes: np.ndarray) -> np.ndarray:
    """Count each run of these sizes from 0.

    >>> runs(np.array([2, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def learned(texts: Sequence[str], vocabulary: int, cache_folder: Path | None) -> BytePairs:
    """Return the tokenizer of these texts, from the cache where it was learned before.

    vocabulary: of BYTES tokens and more; BYTES = bytes, for which nothing is learned. Raises InputError where the
    texts do not fill it.
    """
    key = key_of(texts, vocabulary)
    path = None if cache_folder is None else cache_folder / f"tokenizer-{key}.json"
    return through_cache(path, read, _save, lambda: BytePairs(_learn(texts, vocabulary), key))


def key_of(texts: Sequence[str], vocabulary: int) -> str:
    """Name what a tokenizer is learned on: the texts in any order, the size, the library. 32 hexadecimal digits."""
    on = content_digest(sorted(texts)) if vocabulary > BYTES else ""
    library = f"tokenizers {version('tokenizers')}"
    return blake2b(f"{on}/{vocabulary}/{library}".encode(), digest_size=16).hexdigest()


def read(file: Path) -> BytePairs:
    """Read a tokenizer that was kept. Raises ValueError or KeyError for a file that is none of ours."""
    document = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError("is no tokenizer.json")
    learned_on = str(document.pop("learned_on"))
    return BytePairs(json.dumps(document, ensure_ascii=False, separators=(",", ":")), learned_on)


def given(file: str, expected: BytePairs, source: str) -> BytePairs:
    """Return the tokenizer in a user's file. Raises InputError unless it was learned on what `expected` was."""
    try:
        found = read(Path(file).expanduser())
        same = found == expected
    except (OSError, ValueError, KeyError) as error:
        fault = f"cannot be read ({type(error).__name__})"
        raise InputError("dataset.tokenizer", file, f"{fault}; expected a tokenizer-….json of our cache") from None
    if not same:
        where = "was learned on other data, with another dataset.vocabulary, or by another version of the library"
        expected_words = (
            f"null, or the one learned on the public part of {source}: tokenizer-{expected.learned_on}.json"
        )
        raise InputError("dataset.tokenizer", file, f"{where}; {expected_words}")
    return found


def _save(tokenizer: BytePairs, path: Path) -> None:
    text = json.dumps({"learned_on": tokenizer.learned_on, **json.loads(tokenizer.text)}, ensure_ascii=False)
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))


def _learn(texts: Sequence[str], vocabulary: int) -> str:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=True)
    words = pre_tokenizers.Split(Regex(" "), "merged_with_next")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=LEAST,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if (found := tokenizer.get_vocab_size()) < vocabulary:
        expected = f"at most {found}: the {len(texts):,} public texts that it is learned on fill no more"
        raise InputError("dataset.vocabulary", vocabulary, expected)
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))


@cache
def _opened(text: str) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(text)
    tokenizer.encode_special_tokens = True  # a mail may say <end>
    return tokenizer


@cache
def _begins_word(text: str) -> np.ndarray:
    """Tell which tokens begin with a space: (vocabulary,) bool; the library writes that byte as Ġ."""
    vocabulary = _opened(text).get_vocab()
    begins = np.zeros(len(vocabulary), bool)
    begins[[number for token, number in vocabulary.items() if token.startswith("Ġ")]] = True
    return begins
