"""Near-equal texts, found by MinHash (Broder 1997) and locality-sensitive hashing, each pair then compared exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from telltale.data.texts.tokenizer import runs
from telltale.progress import track

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TOGETHER = 3  # words: what is compared are runs of so many
HASHES = 120
MOST_ROWS = 5  # hashes that must agree at once: of a pair that shares 0.8 of its runs 1 in 14,000 is missed
MISSED = 0.005  # of the pairs at `least` itself; of those that share more, fewer
CROWD = 256  # of texts that agree in a band each is compared with so many others; of more, with those most like it
BATCH = 1 << 14  # pairs compared at once
PAIRS = 1 << 20  # looked at together: each once, though it agrees in several bands


def alike(texts: Sequence[str], least: float) -> np.ndarray:
    """Number the groups of texts that share `least` of their runs of three words, directly or through others.

    The share is Jaccard's: of all runs of either text, those of both; words are told apart without their case.
    Returns (n,) int64, groups by the first text of each.
    """
    if len(texts) < 2:
        return np.zeros(len(texts), np.int64)
    kinds, distinct = pd.factorize(np.array([" ".join(text.lower().split()) for text in texts], dtype=object))
    shingles, starts = _shingles(distinct)
    signatures, rows = _signatures(shingles, starts), rows_of(least)
    held, groups = _incidence(shingles, starts), np.arange(len(distinct))
    for first, second in _agreeing(signatures, rows):
        apart = np.flatnonzero(groups[first] != groups[second])
        near = apart[_near(held, signatures, first[apart], second[apart], least)]
        groups = _joined(groups, first[near], second[near])
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)[kinds]


def rows_of(least: float) -> int:
    """Return how many hashes make a band: the most that miss no more than MISSED of the pairs that share `least`.

    >>> [rows_of(least) for least in (0.9, 0.8, 0.7, 0.5, 0.3)]
    [5, 5, 4, 3, 2]
    """
    fitting = (rows for rows in range(MOST_ROWS, 1, -1) if (1 - least**rows) ** (HASHES // rows) <= MISSED)
    return next(fitting, 1)


def alike_to(texts: Sequence[str], others: Sequence[str], least: float) -> np.ndarray:
    """Tell which texts are near-equal to one of the others, directly or through texts of either: (texts,) bool."""
    found = np.zeros(len(texts), bool)
    while len(others) and not found.all():
        rest = np.flatnonzero(~found)
        new = rest[_some_alike([texts[row] for row in rest.tolist()], others, least)]
        found[new] = True
        others = [texts[row] for row in new.tolist()]  # through these others may be found
    return found


def _some_alike(texts: Sequence[str], others: Sequence[str], least: float) -> np.ndarray:
    """Tell which texts are near-equal to one of the others, by itself at least: (texts,) bool.

    Who shares so much of his runs with one text has as many of them among all runs of the others: the rest is not
    compared.
    """
    shingles, starts = _shingles(track([*texts, *others], "comparing texts with those of pre-training"))
    of = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(shingles))))
    once = pd.DataFrame({"text": of, "run": shingles}).drop_duplicates()
    of, shingles = once["text"].to_numpy(), once["run"].to_numpy()
    ours = of < len(texts)
    there = np.where(ours, np.isin(shingles, shingles[~ours]), np.isin(shingles, shingles[ours]))
    may = np.bincount(of, there) >= least * np.bincount(of)
    first, second = np.flatnonzero(may[: len(texts)]), np.flatnonzero(may[len(texts) :])
    groups = alike([*(texts[row] for row in first.tolist()), *(others[row] for row in second.tolist())], least)
    found = np.zeros(len(texts), bool)
    found[first] = np.isin(groups[: len(first)], groups[len(first) :])
    return found


def _agreeing(signatures: np.ndarray, rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs that agree in all rows of a band, many at a time: (pairs,) and (pairs,) places of texts.

    Those that agree are ordered by the next band, so that in a crowd each is compared with those that agree there, too.
    """
    texts, waiting, number = signatures.shape[1], [], 0
    for band in track(range(HASHES // rows), "comparing texts that look alike"):
        key, then = (_key(signatures, rows, at % (HASHES // rows)) for at in (band, band + 1))
        order = np.lexsort((then, key))
        begins = np.flatnonzero(np.append(True, key[order[1:]] != key[order[:-1]]))
        end = np.repeat(np.append(begins[1:], len(order)), np.diff(np.append(begins, len(order))))
        places = np.arange(len(order))
        for step in range(1, CROWD + 1):
            places = places[places + step < end[places]]
            if not len(places):
                break
            pairs = np.sort([order[places], order[places + step]], axis=0)
            waiting.append(pairs[0] * texts + pairs[1])
            number += len(places)
            if number >= PAIRS:
                yield np.divmod(np.unique(np.concatenate(waiting)), texts)
                waiting, number = [], 0
    if waiting:
        yield np.divmod(np.unique(np.concatenate(waiting)), texts)


def _key(signatures: np.ndarray, rows: int, band: int) -> np.ndarray:
    key = np.zeros(signatures.shape[1], np.uint64)
    for row in signatures[band * rows : (band + 1) * rows]:
        key = _mixed(key * np.uint64(0x9E3779B97F4A7C15) + row)
    return key


def _near(held: csr_array, signatures: np.ndarray, first: np.ndarray, second: np.ndarray, least: float) -> np.ndarray:
    """Tell which pairs share `least` of their runs: (pairs,) bool.

    The share of hashes that agree has mean J and variance J (1 - J) / HASHES: who is five standard errors below
    `least` is not counted.
    """
    few = least - 5 * math.sqrt(least * (1 - least) / HASHES)
    near = np.zeros(len(first), bool)
    for begin in range(0, len(first), BATCH):
        one, other = first[begin : begin + BATCH], second[begin : begin + BATCH]
        may = np.flatnonzero((signatures[:, one] == signatures[:, other]).mean(axis=0) >= few)
        ours, theirs = held[one[may]], held[other[may]]
        both = np.asarray(ours.multiply(theirs).sum(axis=1)).ravel()
        near[begin + may] = both >= least * (np.diff(ours.indptr) + np.diff(theirs.indptr) - both)
    return near


def _joined(groups: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the groups with those of each pair joined: (n,), each the first place of what it holds."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(first):
        return groups
    ones, shape = np.ones(len(first), np.int8), (len(groups), len(groups))
    component = connected_components(coo_array((ones, (groups[first], groups[second])), shape), directed=False)[1]
    return np.unique(component, return_index=True)[1][component][groups]


def _incidence(shingles: np.ndarray, starts: np.ndarray) -> csr_array:
    """Return which text has which run, each once: (texts, runs) of ones."""
    from scipy.sparse import csr_array

    codes, kinds = pd.factorize(shingles)
    held = csr_array((np.ones(len(codes), np.int32), codes, np.append(starts, len(codes))), (len(starts), len(kinds)))
    held.sum_duplicates()
    held.data[:] = 1
    return held


def _shingles(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of all runs of words, and where each text's begin; a short text is one run."""
    words = [text.lower().split() or [""] for text in texts]
    counts = np.fromiter(map(len, words), np.int64, len(words))
    codes = pd.factorize(np.array([word for of_text in words for word in of_text], dtype=object))[0]
    sizes = np.maximum(counts - TOGETHER + 1, 1)
    ends, begins = np.cumsum(counts), np.cumsum(counts) - counts
    place, end = np.repeat(begins, sizes) + runs(sizes), np.repeat(ends, sizes)
    hashed = np.zeros(len(place), np.uint64)
    for step in range(TOGETHER):
        inside = place + step < end
        code = np.where(inside, codes[np.minimum(place + step, len(codes) - 1)] + 1, 0).astype(np.uint64)
        hashed = _mixed(hashed * np.uint64(0x9E3779B97F4A7C15) + code)
    return hashed, np.cumsum(sizes) - sizes


def _mixed(values: np.ndarray) -> np.ndarray:
    """Mix the bits of each value (the finish of splitmix64): (n,) uint64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _signatures(shingles: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return each text's least hash under HASHES functions: (HASHES, n) uint32."""
    factors = np.random.default_rng(0).integers(0, 2**63, HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    least = np.empty((HASHES, len(starts)), np.uint32)
    for at, factor in enumerate(factors):
        least[at] = np.minimum.reduceat(((shingles * factor) >> np.uint64(32)).astype(np.uint32), starts)
    return least
