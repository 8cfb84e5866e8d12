"""Digests of records: sixteen bytes that stand for a record wherever records are compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import wraps
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np

KEPT = ("_fingerprints_kept", "_input_digests_kept")  # attributes of records under which `once` keeps digests
Taken = TypeVar("Taken")
Digesting = Callable[[Any], np.ndarray]


def digests_of(inputs: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Return the BLAKE2b digest of each of n inputs, with its label where given: (n, …) -> (n,) dtype S16.

    The digest is of the bytes: the same input as uint8 and as float32 has two.
    """
    flat: Any = np.ascontiguousarray(inputs).reshape(len(inputs), math.prod(inputs.shape[1:])).view(np.uint8)
    if labels is None:
        return as_digests(blake2b(content, digest_size=16).digest() for content in flat)
    keys = np.ascontiguousarray(labels, dtype="<i8").view("V8").tolist()
    return as_digests(
        blake2b(content, digest_size=16, key=key).digest() for content, key in zip(flat, keys, strict=True)
    )


def once(name: str) -> Callable[[Digesting], Digesting]:
    """Have a function of records compute their digests once an object, which keeps them under `name`, one of KEPT.

    Records are immutable, and asked for their digests with every query of every model. What is returned cannot be
    written to.
    """

    def of(function: Digesting) -> Digesting:
        @wraps(function)
        def kept(records: Any) -> np.ndarray:
            known: dict[str, Any] = vars(records)
            if name not in known:
                digests = function(records)
                digests.flags.writeable = False
                known[name] = digests
            digests = known[name]
            return digests

        return kept

    return of


def with_known_digests(taken: Taken, records: Any, rows: np.ndarray) -> Taken:
    """Return `taken`, records[rows], with those of its digests that are known of `records`."""
    for name in KEPT:
        if name in vars(records):
            digests = vars(records)[name][rows]
            digests.flags.writeable = False
            vars(taken)[name] = digests
    return taken


def as_digests(digests: Iterable[bytes]) -> np.ndarray:
    """Return 16-byte digests as an (n,) array of dtype S16."""
    return np.frombuffer(b"".join(digests), dtype="S16")


def first_of_each(digests: np.ndarray) -> np.ndarray:
    """Return the positions of the first record of each digest, ascending: (n,) S16 -> (distinct,) int64."""
    return np.sort(np.unique(digests, return_index=True)[1])


def earliest(digests: np.ndarray) -> np.ndarray:
    """Return for each record the position of the first with its digest, its own where it is the first: (n,) int64."""
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    return np.asarray(first[group], np.int64)


def earliest_input(inputs: np.ndarray) -> np.ndarray:
    """Return `earliest(digests_of(inputs))`, of float32 rows: digests are made only of those that may have a twin.

    Rows whose sum of odd multiples of their bits differs are distinct; (n, width) float32 -> (n,) int64.
    """
    bits: Any = np.ascontiguousarray(inputs, np.float32).view(np.uint32)
    odd = np.random.default_rng(0).integers(0, 2**63, bits.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    sums = np.zeros(len(bits), np.uint64)
    for start in range(0, len(bits), 4096):  # pieces that stay in the cache
        sums[start : start + 4096] = bits[start : start + 4096].astype(np.uint64) @ odd
    order = np.argsort(sums, kind="stable")
    same = np.zeros(len(order) + 1, bool)
    same[1:-1] = sums[order[1:]] == sums[order[:-1]]
    rows = np.sort(order[same[1:] | same[:-1]])
    first = np.arange(len(bits))
    if len(rows):
        first[rows] = rows[earliest(digests_of(inputs[rows]))]
    return first


def equal_pair(digests: np.ndarray) -> tuple[int, int] | None:
    """Return the positions of two equal digests, the earlier first, or None: (n,) S16 -> (i, j) with i < j."""
    # Sorting eight bytes is ten times as fast as sorting sixteen as text; few but true twins share them.
    heads = np.ascontiguousarray(digests).view("<u8")[::2]
    order = np.argsort(heads, kind="stable")
    same = np.zeros(len(order) + 1, bool)  # as the one before, and so on to both ends
    same[1:-1] = heads[order[1:]] == heads[order[:-1]]
    first: dict[bytes, int] = {}
    for row in np.sort(order[same[1:] | same[:-1]]).tolist():
        if (earlier := first.setdefault(digests[row], row)) != row:
            return earlier, row
    return None
