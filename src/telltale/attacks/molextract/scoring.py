"""Eq. (1): how well a molecule's embedding is a mix of the embeddings of its two parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Parts:
    """Embeddings f(R), f(M), f(Ĝ), each (candidates, width), and heavy-atom counts |R|, |M|, each (candidates,)."""

    ring: np.ndarray
    motif: np.ndarray
    whole: np.ndarray
    ring_size: np.ndarray
    motif_size: np.ndarray


def part_whole_score(parts: Parts, alpha: float, size_weighted: bool) -> np.ndarray:
    """Score(R, M, Ĝ) = cos( f(Ĝ), α f(R) + (1 - α) f(M) )   (paper, eq. 1): (candidates,) in [-1, 1].

    With size_weighted the mix is ( α |R| f(R) + (1 - α) |M| f(M) ) / (|R| + |M|), as in the proofs (appendix
    A.5) and the released code; the cosine does not see the denominator.
    """
    ring_weight, motif_weight = alpha * np.ones(len(parts.whole)), (1 - alpha) * np.ones(len(parts.whole))
    if size_weighted:
        ring_weight, motif_weight = ring_weight * parts.ring_size, motif_weight * parts.motif_size
    return cosine(parts.whole, ring_weight[:, None] * parts.ring + motif_weight[:, None] * parts.motif)


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of rows; 0 where a row is zero: (rows, width) x (rows, width) -> (rows,)."""
    product = (first * second).sum(1)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.divide(product, lengths, out=np.zeros_like(product), where=lengths > 0)
