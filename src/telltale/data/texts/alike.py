"""Near-equal texts, found by MinHash (Broder 1997) and locality-sensitive hashing, each pair then compared exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from telltale.data.texts.tokenizer import runs
from telltale.progress import track

TOGETHER = 3  # words: what is compared are runs of so many
BANDS, ROWS = 24, 5  # a pair that shares 0.8 of its runs is missed once in 14,000 times, one of 0.7 once in 80
HASHES = BANDS * ROWS


def alike(texts: Sequence[str], least: float) -> np.ndarray:
    """Number the groups of texts that share `least` of their runs of three words, directly or through others.

    The share is Jaccard's: of all runs of either text, those of both; words are told apart without their case.
    Returns (n,) int64, groups by the first text of each.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if len(texts) < 2:
        return np.zeros(len(texts), np.int64)
    shingles, starts = _shingles(texts)
    first, second = _candidates(_signatures(shingles, starts))
    ends = np.append(starts[1:], len(shingles))
    held = {row: set(shingles[starts[row] : ends[row]].tolist()) for row in np.unique([first, second]).tolist()}
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    near = np.array([_jaccard(held[one], held[other]) >= least for one, other in pairs], bool)
    ones = np.ones(int(near.sum()), np.int8)
    graph = coo_matrix((ones, (first[near], second[near])), (len(texts), len(texts)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def alike_to(texts: Sequence[str], others: Sequence[str], least: float) -> np.ndarray:
    """Tell which texts are near-equal to one of the others, directly or through some: (texts,) bool; `least` as above.

    Who shares so much of his runs with one text has as many of them among all runs of the others: the rest is not
    compared.
    """
    if not len(texts) or not len(others):
        return np.zeros(len(texts), bool)
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


def _jaccard(one: set[int], other: set[int]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)


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


def _candidates(signatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs that agree in a whole band, each with its neighbour there and with the first there."""
    found = []
    for band in range(BANDS):
        key = np.zeros(signatures.shape[1], np.uint64)
        for row in signatures[band * ROWS : (band + 1) * ROWS]:
            key = _mixed(key * np.uint64(0x9E3779B97F4A7C15) + row)
        order = np.argsort(key, kind="stable")
        same = key[order[1:]] == key[order[:-1]]
        head = np.maximum.accumulate(np.where(np.append(True, ~same), np.arange(len(order)), 0))
        later = np.flatnonzero(same) + 1
        found += [np.stack([order[later - 1], order[later]]), np.stack([order[head[later]], order[later]])]
    pairs = np.unique(np.concatenate(found, axis=1), axis=1)
    return pairs[0], pairs[1]
