"""What the world gets: a trained model behind calls that are counted and limited by the threat model."""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn

from telltale.data.records import Records, input_digests
from telltale.data.seeds import derive
from telltale.errors import AccessDeniedError, InputError, NumericalError, QueriesSpentError
from telltale.owner.caption_calls import Query, caption_cosines, without_rest, word_distributions, word_log_probs
from telltale.owner.defense import Defense
from telltale.owner.text_calls import text_log_probs, text_moments, without_what_follows
from telltale.store.store import Store, write_array
from telltale.threads import one_thread_each
from telltale.training.batches import query_batches
from telltale.training.counter_random import record_keys

ANSWER_CALLS = (
    "embeddings",
    "probabilities",
    "labels",
    "values",
    "scores",
    "predictions",
    "captions",
    "token_log_probs",
    "text_log_probs",
    "text_moments",
    "word_probabilities",
    "caption_cosines",
)
CALLS = frozenset((*ANSWER_CALLS, "weights", "published_records"))
FILE = "answer.npy"
TEXTS_AT_ONCE = 64  # on a processor: the states of 512 leave its cache and take a quarter longer


class Release:
    """A released model. Only the calls in `access` work; each record asked for counts, a cached answer too.

    model          builds the network, which is kept in memory only while it answers
    key            of everything that decides an answer before the answer stage
    entry          key of its weights in the store
    store          keeps answers; None = they are kept here only
    device         on which it answers
    batch_size     records that it answers at a time
    answers        defences of the answer stage, in order
    access         calls that work
    budget         at most so many records may be asked for in all; None = unlimited
    memory         answers given before, by call and records
    name           for people, and for what an attack draws for each model
    published      the records that the owner hands out beside the model; None = it keeps them
    sources        entries of the store that these come from
    as_input       makes of records what the model takes
    fingerprint    of the weights, from which random answers derive; None = the key

    `queries` counts the records asked for, by call.
    """

    def __init__(
        self,
        model: Callable[[], nn.Module],
        key: str,
        *,
        entry: str = "",
        store: Store | None = None,
        device: str = "cpu",
        batch_size: int = 512,
        answers: Sequence[Defense] = (),
        access: frozenset[str] = CALLS,
        budget: int | None = None,
        memory: dict[str, np.ndarray] | None = None,
        name: str = "",
        published: Callable[[], Records] | None = None,
        sources: tuple[str, ...] = (),
        as_input: Callable[[Records], Records] = lambda records: records,
        fingerprint: Callable[[], str] | None = None,
    ) -> None:
        self._fingerprint = fingerprint or (lambda: key)
        self.sources, self._published, self._as_input = sources, published, as_input
        self.key, self.access, self.budget, self.queries = key, access, budget, Counter[str]()
        self.name = name or key
        self._model, self.entry, self._store = model, entry, store
        self._device, self._batch_size, self._answers = device, batch_size, tuple(answers)
        self._memory: dict[str, np.ndarray] = {} if memory is None else memory

    def restricted(self, access: frozenset[str], budget: int | None = None) -> Release:
        """Return the same model with its own counters under a threat model that is narrower or the same."""
        narrower = copy.copy(self)
        narrower.access, narrower.queries = access & self.access, Counter()
        limits = [limit for limit in (self.budget, budget) if limit is not None]
        narrower.budget = min(limits, default=None)
        return narrower

    def embeddings(self, records: Records) -> np.ndarray:
        """Embed records: (records, width) float32; of a classifier, the features before its head."""
        return self._answer("embeddings", records, "embeddings", _embedded)

    def probabilities(self, records: Records) -> np.ndarray:
        """Classify records: class probabilities (records, classes) float64, each exact in its own magnitude."""
        return self._answer("probabilities", records, "logits", _logits, softmax)

    def labels(self, records: Records) -> np.ndarray:
        """Classify records: the most probable class after all defences, (records,) int64; counts as `labels`."""
        return self._answer("labels", records, "logits", _logits, softmax).argmax(axis=-1)

    def values(self, records: Records) -> np.ndarray:
        """Predict a real-valued property: (records,) float64."""
        return self._answer("values", records, "values", _logits).astype(np.float64).reshape(-1)

    def scores(self, records: Records) -> np.ndarray:
        """Return scores of membership that were handed over with the release, higher = member: (records,)."""
        return self._answer("scores", records, "scores", _logits)

    def captions(self, records: Records, beam_width: int = 1) -> list[str]:
        """Tell what is on each picture, in at most 20 words; beam_width: 1 = greedy."""

        def written(model: Any, pictures: Any, _: np.ndarray) -> np.ndarray:
            captions: np.ndarray = model.captions(pictures, beam_width)
            return captions

        return self._answer("captions", records, f"captions by {beam_width} beams", written).tolist()

    def token_log_probs(self, records: Records, texts: Sequence[str]) -> np.ndarray:
        """Judge one text a picture: log p of its words and its end, then NaN: (records, most words + 1) float64."""
        output = f"token_log_probs of {_digest_of(records, texts)}"
        return self._answer("token_log_probs", records, output, word_log_probs(texts), without_rest)

    def text_log_probs(self, records: Records) -> np.ndarray:
        """Judge texts: log p of each token after START, then NaN: (records, context - 1) float64."""
        return self._answer("text_log_probs", records, "text_log_probs", text_log_probs, without_rest)

    def text_moments(self, records: Records) -> np.ndarray:
        """Say how log p is spread over all tokens that could follow: mean and deviation, (records, context - 1, 2).

        Both under the model's own distribution, at the places of `text_log_probs`; NaN where that is.
        """
        return self._answer("text_moments", records, "text_moments", text_moments, without_what_follows)

    def word_probabilities(self, records: Records, texts: Sequence[str]) -> np.ndarray:
        """Show what may come at each place of one text a picture: (records, most words + 1, words), 0 after its end.

        Too large to be kept: computed whenever it is asked for.
        """
        output = f"word_probabilities of {_digest_of(records, texts)}"
        return self._answer("word_probabilities", records, output, word_distributions(texts), keep=False)

    def caption_cosines(self, records: Records, texts: Sequence[str]) -> np.ndarray:
        """Hold one text a picture against it: the cosine of their embeddings, (records,) float64."""
        output = f"caption_cosines of {_digest_of(records, texts)}"
        return self._answer("caption_cosines", records, output, caption_cosines(texts)).astype(np.float64)

    def weights(self) -> dict[str, np.ndarray]:
        """Hand over all parameters and buffers by name."""
        self._count("weights", 1)
        return {name: tensor.cpu().numpy().copy() for name, tensor in self._model().state_dict().items()}

    def published_records(self) -> Records:
        """Hand over the records that the owner publishes in place of its own; AccessDeniedError where it does not."""
        if self._published is None:
            raise AccessDeniedError(f"published_records: {self.name} comes without records")
        self._count("published_records", 1)
        return self._published()

    def _answer(
        self,
        call: str,
        records: Records,
        output: str,
        query: Query,
        transform: Callable[[np.ndarray], np.ndarray] = lambda values: values,
        keep: bool = True,
    ) -> np.ndarray:
        self._count(call, len(records))
        fingerprints = records.fingerprints()
        digest = hashlib.blake2b(fingerprints.tobytes(), digest_size=16).hexdigest()
        if (remembered := f"{call}/{output}/{digest}") not in self._memory:
            outputs = self._output(output, records, digest, query) if keep else self._forward(records, output, query)
            values = transform(outputs)
            # of inputs alone: noise must not change with the labels that the caller claims
            seed = derive(0, f"answers of {self._fingerprint()} to {call}") if self._answers else 0
            keys = record_keys(input_digests(records), seed, epoch=0)
            for defense in self._answers:
                values = defense.answer(call, values, keys)
            if not keep:
                return values
            self._memory[remembered] = values
        return self._memory[remembered].copy()  # what a caller writes into its answer changes nobody else's

    def _output(self, output: str, records: Records, digest: str, query: Query) -> np.ndarray:
        """Return the network's output on records, found in the store where it was computed before."""
        if self._store is None:
            return self._forward(records, output, query)
        document = {"release": self.key, "output": output, "records": digest, "number_of_records": len(records)}
        folder = self._store.find("answers", document)
        if folder is None:
            values = self._forward(records, output, query)
            self._store.add("answers", document, lambda entry: write_array(entry / FILE, values))
            return values
        return np.load(folder / FILE, allow_pickle=False)

    def _forward(self, records: Records, output: str, query: Query) -> np.ndarray:
        model: Any = self._model().eval().to(self._device)
        arrays = self._as_input(records).arrays()

        @torch.no_grad()
        def answer(part: tuple[Any, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
            inputs, rows = part
            return query(model, inputs.to(self._device), rows), rows

        parts = query_batches(arrays, len(records), self._at_once(records))
        if self._device == "cpu":  # a batch on each core, as last digits would depend on threads that share one
            groups = _groups(parts, torch.get_num_threads())  # a large set is not laid out at once
            with one_thread_each() as pool:
                answers = [values for group in groups for values in pool.map(answer, group)]
        else:
            answers = [answer(part) for part in parts]
        values, rows = (np.concatenate(part) for part in zip(*answers, strict=True))
        if (rows[1:] < rows[:-1]).any():
            values = values[np.argsort(rows)]
        if values.dtype.kind == "U":  # text
            return values
        bad = np.flatnonzero(~np.isfinite(values).all(axis=tuple(range(1, values.ndim))))
        if len(bad):
            raise NumericalError(
                f"model {self.name} ({self.key}): its {output} for point {bad[0]} are not finite "
                f"({len(bad):,} of {len(values):,} points); train with a lower objective.learning_rate"
            )
        return values

    def _at_once(self, records: Records) -> int:
        small = self._device == "cpu" and records.kind == "text"
        return min(self._batch_size, TEXTS_AT_ONCE) if small else self._batch_size

    def _count(self, call: str, number: int) -> None:
        if call not in self.access:
            allowed = ", ".join(sorted(self.access)) or "no call"
            raise AccessDeniedError(f"{call}: this threat model grants {allowed}")
        if self.budget is not None and self.queries.total() + number > self.budget:
            spent = f"{number} more queries would pass the budget of {self.budget}, {self.queries.total()} are spent"
            raise QueriesSpentError(f"{call}: {spent}; raise defense.queries, or ask of fewer records")
        self.queries[call] += number


def _groups(parts: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(parts)
    while group := list(islice(left, size)):
        yield group


def _embedded(model: Any, inputs: Any, _: np.ndarray) -> np.ndarray:
    return _logits(getattr(model, "embed", model), inputs, _)


def _logits(model: Any, inputs: Any, _: np.ndarray) -> np.ndarray:
    values: np.ndarray = model(inputs).float().cpu().numpy()
    return values


def _digest_of(records: Records, texts: Sequence[str]) -> str:
    """Name texts in the key of an answer. Raises InputError unless there is one a record."""
    if len(texts) != len(records):
        raise InputError("texts", len(texts), f"one text for each of {len(records)} records")
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()


def softmax(logits: np.ndarray) -> np.ndarray:
    """Normalise exp(logits) over the last axis in float64, so that small probabilities keep their digits."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=-1, keepdims=True)
