"""Canary audit of a language model: secrets put into its training texts, and how exposed they are afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from telltale.attacks.canary_audit import CanaryAudit
from telltale.attacks.membership.language_model import LOG_PROBS
from telltale.attacks.secret_format import DIGITS, Format, check_template, common_words, exposure
from telltale.checks import choice, whole_number
from telltale.data.pools import Pools
from telltale.data.seeds import generator
from telltale.data.texts.records import END, Codec, TextRecords
from telltale.errors import InputError
from telltale.evidence import SecretScores
from telltale.game.world import Knowledge, World
from telltale.progress import track

SYMBOLS = ("words", "digits")
MOST_COPIES = 1000
SYMBOL_TOKENS = 64  # by which symbols are told apart


class SecretAudit(CanaryAudit):
    """Each secret is in each model's training texts by a fair coin of its own; how surely does the model know it?

    Score = (log p(secret) − mean) / deviation over secrets of the same format that no model was trained on: how easy
    the format is drops out. Exposure is the rank among them, in bits (Carlini et al. 2019): see `secret_format`.

    template    a text with {secret} in it
    symbols     words (of the 1,000 that most auxiliary texts have) | digits: what a secret consists of
    length      symbols of a secret
    copies      how often a secret is in the training set of a model that has it: the secrets are dealt out among these
    candidates  secrets of the format that each is ranked among; all others where there are no more than 16,384
    delta       of the (ε, δ) that is bounded, by secrets that are there once: copies are several records to a proof
    """

    access = frozenset({LOG_PROBS})
    accepts = frozenset({"text"})
    other_kinds: ClassVar[Mapping[str, str]] = dict.fromkeys(("images", "table", "molecules"), "canary_audit")
    hands_over = SecretScores

    def __init__(
        self,
        template: str = "the password is {secret}",
        symbols: str = "words",
        length: int = 4,
        copies: Sequence[int] = (1,),
        candidates: int = 4096,
        delta: float | None = None,
    ) -> None:
        super().__init__(delta=delta)
        self.template, self.symbols = (
            check_template("attack.template", template),
            choice("attack.symbols", symbols, SYMBOLS),
        )
        self.length = whole_number("attack.length", length, 1, 16)
        if isinstance(copies, str | int) or not len(copies := list(copies)):
            raise InputError("attack.copies", copies, "a list of whole numbers from 1, e.g. [1,2,4,8]")
        self.copies = tuple(whole_number("attack.copies", number, 1, MOST_COPIES) for number in copies)
        self.candidates = whole_number("attack.candidates", candidates, 64, 2**20)
        self._copies_of: dict[str, int] = {}

    def plant(self, pools: Pools[Any], seed: int) -> Pools[Any]:
        """Put secrets in the place of the last challenge records, each as often as it is to be there."""
        count, records = pools.canary_count, pools.challenge
        if not count:
            raise InputError("pools.canaries", 0, "at least 1 secret for an audit")
        if not isinstance(records, TextRecords):
            raise InputError("dataset", records.source, f"texts; it holds {records.kind}")
        form = self._format(pools.auxiliary)
        if 2 * count > form.size:
            raise InputError("pools.canaries", count, f"at most {form.size // 2}, half of the secrets of this format")
        texts = form.texts(form.draw(count, generator(seed, "secrets")))
        copies = np.resize(self.copies, count)
        self._copies_of = dict(zip(texts, copies.tolist(), strict=True))
        rows = np.repeat(np.arange(count), copies)
        planted = records_of([texts[row] for row in rows], records, self.length)
        if self.symbols == "words" and not records.readable:  # words of the attacker's texts, which nobody is to read
            planted = replace(planted, shown=_hidden(rows))
        challenge = joined(records.take(np.arange(pools.member_count)), planted)
        return replace(pools, challenge=challenge, canary_count=len(rows), canary_of=rows)

    def run(self, world: World) -> SecretScores:
        """Ask every model for all secrets, and for others of their format."""
        secrets, others = world.knowledge.challenge, self.others(world.knowledge)
        found = []
        for release in track(world.releases, "secrets judged"):
            known, unknown = (np.nansum(release.text_log_probs(texts), axis=1) for texts in (secrets, others))
            found.append(((known - unknown.mean()) / max(unknown.std(), 1e-12), exposure(known, unknown)))
        scores, bits = (np.stack(part) for part in zip(*found, strict=True))
        copies = np.array([self._copies_of.get(text, 1) for text in secrets.texts])
        delta = self.bounded_delta(world.knowledge)
        return SecretScores(scores, delta=delta, alone=scores, bits=bits, copies=copies, candidates=len(others) + 1)

    def others(self, knowledge: Knowledge) -> TextRecords:
        """Return secrets of the format that were put into no model."""
        rng, planted = generator(knowledge.seed, "other secrets"), set(knowledge.challenge.texts.tolist())
        texts = self._format(knowledge.auxiliary).others(planted, self.candidates, rng)
        return records_of(texts, knowledge.challenge, self.length)

    def _format(self, auxiliary: TextRecords) -> Format:
        digits = self.symbols == "digits"
        symbols = told_apart(DIGITS, codec_of(auxiliary)) if digits else words_of(auxiliary)
        if len(symbols) < 2:
            expected = (
                "words: the tokenizer does not tell digits apart" if digits else "digits: too few words are known"
            )
            raise InputError("attack.symbols", self.symbols, expected)
        if len(symbols) ** self.length > 2**62:
            raise InputError("attack.length", self.length, f"fewer: secrets of {len(symbols)} symbols are too many")
        return Format(self.template, symbols, self.length)


def _hidden(numbers: np.ndarray) -> np.ndarray:
    shown = np.empty(len(numbers), object)
    shown[:] = [f"secret {number}" for number in numbers.tolist()]
    return shown


def words_of(auxiliary: TextRecords) -> tuple[str, ...]:
    """Return common words, those of a single token where there are any: so secrets are alike long to a model."""
    codec = codec_of(auxiliary)
    words = told_apart(common_words(auxiliary.texts.tolist()), codec)
    if not words:
        return words
    alone = codec.encode(words, 4).tokens[:, 2] == END
    single = tuple(word for word, is_one in zip(words, alone.tolist(), strict=True) if is_one)
    return single if len(single) > 1 else words


def told_apart(symbols: Sequence[str], codec: Codec) -> tuple[str, ...]:
    """Leave out symbols whose tokens are another's, too: of a tokenizer of somebody's, all that it does not know.

    Two secrets of equal tokens are one to a model: it would have a secret whose coin says that it has not.
    """
    if not symbols:
        return ()
    tokens = codec.encode(symbols, SYMBOL_TOKENS).tokens
    _, which, times = np.unique(tokens, axis=0, return_inverse=True, return_counts=True)
    alone = times[which.reshape(-1)] == 1
    return tuple(symbol for symbol, is_one in zip(symbols, alone.tolist(), strict=True) if is_one)


def codec_of(records: TextRecords) -> Codec:
    """Return the tokenizer of records. Raises InputError where it is not at hand."""
    if records.codec is None:
        raise InputError("dataset", records.source, "comes without its tokenizer, which secrets need")
    return records.codec


def records_of(texts: Sequence[str], like: TextRecords, length: int = 0) -> TextRecords:
    """Tokenise texts as these records were. Raises InputError where one is cut; length: attack.length, to name it."""
    tokens, cut = codec_of(like).encode(texts, like.tokens.shape[1])
    if cut.any():
        context, text = like.tokens.shape[1], texts[int(np.argmax(cut))]
        which = f"'{text}'" if like.readable else "one of the secrets"
        expected = (
            f"fewer, a shorter attack.template or a larger dataset.context: {which} has more than {context} tokens"
        )
        raise InputError("attack.length", length, expected)
    words = np.empty(len(texts), object)
    words[:] = texts
    first = int(like.groups.max(initial=-1)) + 1
    labels = None if like.labels is None else np.zeros(len(texts), np.int64)
    groups = first + np.unique(words.astype(str), return_inverse=True)[1].reshape(-1).astype(np.int64)
    return replace(like, tokens=tokens, texts=words, shown=words, groups=groups, labels=labels, near=None, ids=None)


def joined(first: TextRecords, second: TextRecords) -> TextRecords:
    """Put records behind others of the same tokenizer; nobody calls them by a name any more."""
    parts: dict[str, Any] = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("tokens", "texts", "shown", "groups", "labels")
        if getattr(first, name) is not None
    }
    return replace(first, **parts, near=None, ids=None)
