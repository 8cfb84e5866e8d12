"""Where the words of one caption stand in another, a bit a place: counting and comparing take few instructions.

All tables are (limbs, places, n, m) uint64 for n rows of m pairs of captions: bit b of limb k at place i tells of
word i of the first caption and word 64 k + b of the second.
"""

from __future__ import annotations

import numpy as np

BITS = 64


def matches(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Tell where the words are the same: (n, m or 1, a) and (n, m, b) int -> (limbs, a, n, m) uint64."""
    (rows, pairs, width), places = second.shape, first.shape[-1]
    limbs = max(1, -(-width // BITS))
    words, others = (np.ascontiguousarray(captions.transpose(2, 0, 1)) for captions in (first, second))
    table = np.zeros((limbs, places, rows, pairs, BITS // 8), np.uint8)
    for start in range(0, width, 8):  # a byte is eight places of the second caption
        byte = np.zeros((places, rows, pairs), np.uint8)
        for bit, other in enumerate(others[start : start + 8]):
            byte |= (words == other).view(np.uint8) << bit
        limb, at = divmod(start // 8, BITS // 8)
        table[limb, ..., at] = byte
    return table.view("<u8")[..., 0]


def ngram_matches(table: np.ndarray, order: int) -> np.ndarray:
    """Tell where `order` words in a row are the same: (limbs, a, n, m) -> (limbs, a - order + 1, n, m)."""
    places = max(table.shape[1] - order + 1, 0)
    same = table[:, :places].copy()
    for shift in range(1, order):
        later = table[:, shift : shift + places]
        same &= _shifted(later, shift)
    return same


def counts(table: np.ndarray) -> np.ndarray:
    """Count the places where each word or n-gram stands: (limbs, a, n, m) -> (a, n, m) int16."""
    return np.bitwise_count(table).sum(0, dtype=np.int16)


def occurrences(table: np.ndarray) -> np.ndarray:
    """Number the occurrences of each n-gram of a caption, compared with itself, from 1; 0 past the end.

    (limbs, a, n, m) -> (a, n, m) int16.
    """
    limbs, places = table.shape[:2]
    bit = np.arange(limbs * BITS)
    before = np.packbits(bit <= np.arange(places)[:, None], axis=-1, bitorder="little").view("<u8")
    return counts(table & before.T[:, :, None, None])


def common_subsequence(table: np.ndarray) -> np.ndarray:
    """Return the length of the longest common subsequence: (limbs, a, n, m) -> (n, m) (Hyyrö 2004).

    A bit of v is 0 where the row of the usual table of lengths rises; a word at the places M turns v into
    (v + (v & M)) | (v & ~M), the sum carried from limb to limb.
    """
    limbs, places, *shape = table.shape
    rises = np.full((limbs, *shape), ~np.uint64(0))
    for place in range(places):
        carry = np.zeros(shape, np.uint64)
        for limb in range(limbs):
            same, old = table[limb, place], rises[limb]
            half = old + (old & same)
            total = half + carry
            carry = ((half < old) | (total < half)).astype(np.uint64)
            rises[limb] = total | (old & ~same)
    return np.bitwise_count(~rises).sum(0, dtype=np.int64)


def _shifted(table: np.ndarray, by: int) -> np.ndarray:
    """Move bits `by` places down, over the borders of limbs; `by` from 1 to 63."""
    moved = table >> np.uint64(by)
    moved[:-1] |= table[1:] << np.uint64(BITS - by)
    return moved
