"""From documents to records: the empty and the equal are left out, a public part is set apart, the rest tokenised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from telltale.checks import number, share, whole_number
from telltale.data.digests import digests_of, earliest
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.texts.alike import alike
from telltale.data.texts.folder_tokenizer import in_folder
from telltale.data.texts.grouping import at_most, grouped_once_cut, is_public, joined
from telltale.data.texts.records import Codec, TextRecords, text_digests
from telltale.data.texts.tokenizer import BYTES, given, learned
from telltale.errors import InputError
from telltale.writing import counted

MOST_CONTEXT = 1 << 16
FAR = 0.1  # from the share that was asked for


@dataclass(frozen=True)
class Preparation:
    """How documents become records: the options that all data sets of texts share.

    vocabulary  tokens of the tokenizer; 259 = one a byte, for which nothing is learned
    context     tokens of a record; longer texts are cut. None = none are made: for a downstream data set, whose texts
                are tokenised by the tokenizer of pre-training (`fitted_texts`)
    near_equal  share of their runs of three words from which two texts are near-equal, and one group; None = only the
                equal are
    public      share of the documents that the tokenizer is learned on, and that are in no pool
    tokenizer   a file with the one that was learned on that share, or a folder with a model whose tokenizer it is to
                be (model=hf), which learns nothing; None = the cache is asked, then it is learned
    cache       folder where tokenizers are kept; None = nowhere
    most_per_group
                records of a group that are kept, those of the least digests: a large one fills most of a small pool.
                None = all
    """

    vocabulary: int = 1024
    context: int | None = 32
    near_equal: float | None = 0.8
    public: float = 0.2
    tokenizer: str | None = None
    cache: str | None = None
    most_per_group: int | None = None

    def __post_init__(self) -> None:
        whole_number("dataset.vocabulary", self.vocabulary, BYTES, 1 << 20)
        expected = f"a whole number from 3 to {MOST_CONTEXT}; null is for a downstream data set alone"
        whole_number("dataset.context", self.context, 3, MOST_CONTEXT, or_null=True, expected=expected)
        whole_number("dataset.most_per_group", self.most_per_group, or_null=True)
        if self.context is None and self.tokenizer is not None:
            expected = "null: a downstream data set is tokenised by the tokenizer of pre-training"
            raise InputError("dataset.tokenizer", self.tokenizer, expected)
        if self.tokenizer is not None and not Path(self.tokenizer).expanduser().exists():
            expected = "no such file or folder; expected a tokenizer-….json of our cache, or a model's folder"
            raise InputError("dataset.tokenizer", self.tokenizer, expected)
        number("dataset.near_equal", self.near_equal, least=0.3, most=1, or_null=True)
        share(
            "dataset.public", self.public, zero=True, whole=False, expected="a share of the documents from 0, below 1"
        )
        if not self.public and self.vocabulary > BYTES:
            expected = f"above 0: a tokenizer is learned on it; dataset.vocabulary={BYTES} (bytes) learns nothing"
            raise InputError("dataset.public", self.public, expected)

    @property
    def is_given_whole(self) -> bool:
        """Say whether the tokenizer is a model's, in a folder, of which nothing is learned here."""
        return self.tokenizer is not None and Path(self.tokenizer).expanduser().is_dir()

    @property
    def folder(self) -> Path | None:
        """Return the folder where tokenizers are kept."""
        return None if self.cache is None else Path(self.cache)


@dataclass(frozen=True, eq=False)
class Documents:
    """What a reader found.

    source   the data set, as printed beside every figure
    texts    (n,) object array of str
    labels   (n,) int64, the class of each, None = not labelled
    classes  their names
    groups   (n,) int64, documents of one author have one number; None = each is by itself
    shown    (n,) object array of str, what a report may print; None = the texts
    ids      (n,) text, what their owner calls them; None = nothing
    invalid  where there should have been a document
    told     what was read otherwise than it is written, in a sentence each
    """

    source: str
    texts: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    shown: np.ndarray | None = None
    ids: np.ndarray | None = None
    invalid: tuple[InvalidRecord, ...] = ()
    told: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.texts)

    def take(self, rows: np.ndarray) -> Documents:
        """Return the documents at `rows`, in that order."""
        names = ("labels", "groups", "shown", "ids")
        parts: dict[str, Any] = {name: None if (part := getattr(self, name)) is None else part[rows] for name in names}
        return replace(self, texts=self.texts[rows], **parts)


def as_records(documents: Documents, how: Preparation) -> Loaded[TextRecords]:
    """Leave out what is empty or equal, learn the tokenizer on a public part, and return the rest as records.

    Raises InputError where nothing is left, or the public part does not fill the vocabulary.
    """
    lines, told = len(documents) + len(documents.invalid), list(documents.told)
    documents = _filled(documents, told)
    if not len(documents):
        expected = f"holds no document that could be a record: {told[-1]}" if told else "holds no document"
        raise InputError("dataset", documents.source, expected)
    first = earliest(digests := text_digests(documents.texts.tolist()))
    own = first == np.arange(len(first))
    conflicts = 0 if documents.labels is None else int((documents.labels != documents.labels[first]).sum())
    documents, digests = documents.take(own), digests[own]
    near = _near(documents, how.near_equal, told)
    groups = near if documents.groups is None else joined(documents.groups, near)
    public = is_public(digests, groups, how.public if how.context and not how.is_given_whole else 0)
    if how.context and not how.is_given_whole:
        told += _told_of_public(public, groups, how, documents)
    kept, groups = documents.take(~public), np.unique(groups[~public], return_inverse=True)[1].astype(np.int64)
    records, more = _untokenised(kept, groups, near[~public], how.near_equal), list[str]()
    if how.context is not None:
        codec = _codec(documents, public, how, lines, told)
        records, more = tokenised(records, codec, how.context, documents.texts[public].tolist())
    if not len(records):
        why = "; ".join([*told, *more])
        raise InputError("dataset", documents.source, f"holds no document that could be a record: {why}")
    records = at_most(records, how.most_per_group, more)
    return Loaded(
        records=records,
        lines=lines,
        duplicates=int((~own).sum()),
        conflicts=conflicts,
        invalid=documents.invalid,
        told=(*told, *more),
    )


def _told_of_public(public: np.ndarray, groups: np.ndarray, how: Preparation, documents: Documents) -> list[str]:
    """Say how many documents are public. Refuse a part of all or nothing, where groups are whole on either side."""
    count, share = int(public.sum()), how.public
    if not share or (not count and how.vocabulary <= BYTES):
        return []
    sizes = np.unique(groups, return_counts=True)[1]
    by = "of an author, or near-equal" if documents.groups is not None else "near-equal, by dataset.near_equal"
    held = f"{len(public):,} documents are of {counted(len(sizes), 'group')} ({by}), the largest of {sizes.max():,}"
    if count in (0, len(public)) and sizes.max() > 1:
        drawn = "all were" if count else "none was"
        without = f"dataset.public=0 dataset.vocabulary={BYTES} needs no public part"
        raise InputError("dataset.public", share, f"{held}, and {drawn} drawn as public; {without}")
    fate = "are public: the tokenizer is learned on them, and no pool holds one"
    far = f"; dataset.public={share} cannot be met: {held}" if abs(count / len(public) - share) > FAR else ""
    return [f"{count:,} of {len(public):,} documents of {documents.source} {fate}{far}"]


def _filled(documents: Documents, told: list[str]) -> Documents:
    if zeros := sum("\0" in text for text in documents.texts.tolist()):
        told.append(f"{counted(zeros, 'document holds', 'documents hold')} zeros (NUL), read as spaces")
    texts = [text.replace("\0", " ") for text in documents.texts.tolist()]
    whole = [_in_whole_letters(text) for text in texts]
    if halves := sum(text != before for text, before in zip(whole, texts, strict=True)):
        told.append(
            f"{counted(halves, 'document holds', 'documents hold')} halves of letters, joined or read as \ufffd"
        )
    documents = replace(documents, texts=as_objects(whole))
    filled = np.array([bool(text.strip()) for text in documents.texts.tolist()], bool)
    if empty := int((~filled).sum()):
        told.append(f"{counted(empty, 'document is empty and was', 'documents are empty and were')} left out")
        return documents.take(filled)
    return documents


def _in_whole_letters(text: str) -> str:
    """Join the halves of letters (surrogates) that are pairs, and put \ufffd for others: no tokenizer takes them.

    An escape in JSON makes them, "\\ud83d", and so does a mail with a set of characters to its liking.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _near(documents: Documents, near_equal: float | None, told: list[str]) -> np.ndarray:
    """Number the groups of documents that are near-equal, directly or through others: (n,) int64."""
    if near_equal is None:
        return np.arange(len(documents))
    near = alike(documents.texts.tolist(), near_equal)
    if twins := len(near) - len(np.unique(near)):
        fate = "in one group with it, so in the same pool"
        told.append(f"{counted(twins, 'document is', 'documents are')} near-equal to an earlier one and {fate}")
    return near


def _codec(documents: Documents, public: np.ndarray, how: Preparation, lines: int, told: list[str]) -> Codec:
    """Return the tokenizer of the public documents; one in a user's file has to be the same, a model's may be any."""
    if how.tokenizer is not None and how.is_given_whole:
        found = in_folder(Path(how.tokenizer).expanduser(), "dataset.tokenizer")
        told.append(
            f"the tokenizer of {documents.source} is the model's, of {found.vocabulary:,} tokens: none is learned, no "
            "document is set apart for it, and dataset.vocabulary and dataset.public count for nothing"
        )
        return found
    try:
        codec = learned(documents.texts[public].tolist(), how.vocabulary, how.folder)
    except InputError as error:  # of the vocabulary, which too few documents fill
        expected = f"{error.expected}; of {lines:,} documents {len(documents):,} are neither empty nor equal"
        raise InputError(error.field, error.value, expected) from None
    return codec if how.tokenizer is None else given(how.tokenizer, codec, documents.source)


def _untokenised(documents: Documents, groups: np.ndarray, near: np.ndarray, near_equal: float | None) -> TextRecords:
    return TextRecords(
        tokens=np.zeros((len(documents), 1), np.int64),
        vocabulary=1,
        tokenizer="",
        source=documents.source,
        texts=documents.texts,
        shown=documents.texts if documents.shown is None else documents.shown,
        groups=groups,
        labels=documents.labels,
        classes=documents.classes,
        ids=documents.ids,
        near=near,
        near_equal=near_equal,
    )


def tokenised(
    records: TextRecords, codec: Codec, context: int, public: Sequence[str] = ()
) -> tuple[TextRecords, list[str]]:
    """Return texts as rows of another tokenizer's tokens, and what is to be told of it, a sentence each.

    Of texts whose rows are equal, because all that differs was cut, the first is kept; those like a public text are
    left out; and those that are near-equal by now are of one group.
    """
    tokens, cut = codec.encode(records.texts.tolist(), context)
    told = []
    if cuts := int(cut.sum()):
        told.append(f"{cuts:,} of {len(records):,} texts of {records.source} were cut to {context} tokens")
    made = replace(records, tokens=tokens, vocabulary=codec.vocabulary, tokenizer=codec.digest, codec=codec)
    first = earliest(digests_of(tokens))
    own = first == np.arange(len(first))
    if twins := int((~own).sum()):
        alike = counted(twins, f"text of {records.source} equals", f"texts of {records.source} equal")
        labels = records.labels
        other = 0 if labels is None else int((labels != labels[first]).sum())
        told.append(
            f"once cut, {alike} an earlier one, which counts" + (f", {other:,} under another label" if other else "")
        )
        made = made.take(own)
    shown, shown_cut = codec.encode(public, context) if public else (tokens[:0], cut[:0])
    known = np.isin(digests_of(made.tokens), digests_of(shown))
    if count := int(known.sum()):
        alike = counted(count, "text equals a public one and was", "texts equal public ones and were")
        told.append(f"once cut, {alike} left out")
        made = made.take(~known)
    if records.near_equal is not None and (cuts or shown_cut.any()) and len(made):
        made = grouped_once_cut(made, codec.decode(made.tokens), codec.decode(shown) if public else [], told)
    return made, told


def fitted_texts(records: TextRecords, like: TextRecords, field: str = "downstream") -> tuple[TextRecords, list[str]]:
    """Return texts as tokens of another data set's tokenizer, in rows as long as its own, and what is to be told.

    Raises InputError where that tokenizer is not at hand.
    """
    if (records.tokenizer, records.shape) == (like.tokenizer, like.shape):
        return records, []
    if like.codec is None:
        raise InputError(field, records.source, f"the tokenizer of {like.source} is not at hand to tokenise it")
    return tokenised(records, like.codec, like.shape[0])


def as_objects(texts: Sequence[str]) -> np.ndarray:
    """Return texts as an object array: (n,), whatever their lengths."""
    held = np.empty(len(texts), object)
    held[:] = texts
    return held
