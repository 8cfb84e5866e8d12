"""ROUGE-L of every caption against every picture: what a captioner could say that repeats what it learned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count

import numpy as np

from telltale.data.captions.metrics.matches import BITS, common_subsequence

BLOCK_BYTES = 2**21  # of the words of one block of captions in all references: what a core keeps near


def rouge_l_of_pairs(captions: Sequence[Sequence[str]], pictures: Sequence[Sequence[Sequence[str]]]) -> np.ndarray:
    """Return ROUGE-L F1 of each caption for each picture, the mean over its references: (captions, pictures).

    All are parted into words. The value of a pair is that of `rouge_l`, but a caption's words are looked up in a table
    of where each stands in all references, so that ten million pairs take seconds. ValueError where a picture has no
    reference.
    """
    numbers = np.array([len(references) for references in pictures], np.int64)
    if not numbers.all():
        raise ValueError("a picture has no reference to compare captions with")
    if not len(captions) or not len(numbers):
        return np.zeros((len(captions), len(numbers)))
    flat = [*chain.from_iterable(pictures)]
    places, known = _places(flat)
    lengths = np.array([len(reference) for reference in flat], np.int64)
    firsts = np.concatenate([[0], numbers.cumsum()[:-1]])
    found = np.zeros((len(captions), len(numbers)))
    order = np.argsort([len(caption) for caption in captions], kind="stable")  # alike long ones together
    while len(order):
        block, order = _split(order, captions, places.nbytes // places.shape[1])
        words = [[known.get(word, 0) for word in captions[row]] for row in block]
        own = np.array([len(caption) for caption in words], np.int64)
        table = np.zeros((own.max(), len(block)), np.int64)
        for column, caption in enumerate(words):
            table[: len(caption), column] = caption
        common = common_subsequence(places[:, table])
        f1 = 2 * common / np.maximum(own[:, None] + lengths, 1)
        found[block] = np.add.reduceat(f1, firsts, axis=1) / numbers
    return found


def _places(references: Sequence[Sequence[str]]) -> tuple[np.ndarray, dict[str, int]]:
    """Tell where each word stands in each reference: (limbs, 1 + words, references) uint64, and each word's row.

    Row 0 is that of all other words, which stand nowhere.
    """
    known = dict(zip(dict.fromkeys(chain.from_iterable(references)), count(1), strict=False))
    limbs = max(1, -(-max(map(len, references)) // BITS))
    places = np.zeros((limbs, 1 + len(known), len(references)), np.uint64)
    for column, reference in enumerate(references):
        for place, word in enumerate(reference):
            places[place // BITS, known[word], column] |= np.uint64(1 << place % BITS)
    return places, known


def _split(order: np.ndarray, captions: Sequence[Sequence[str]], row_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return as many captions as fill a block, the longest of what is left, and the rest; row_bytes: of one word."""
    longest = max(1, len(captions[order[-1]]))
    number = max(1, BLOCK_BYTES // (longest * row_bytes))
    return order[-number:], order[:-number]
