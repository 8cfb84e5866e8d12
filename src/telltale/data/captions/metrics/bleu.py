"""BLEU (Papineni et al. 2002) of single captions: how many n-grams of a candidate its references have, too.

BLEU-N = BP · exp(Σ_{n ≤ N} log p_n / N) without smoothing, as in NLTK and in the released code of M^4I.
"""

from __future__ import annotations

import numpy as np

from telltale.data.captions.metrics.matches import BITS, counts, ngram_matches, occurrences
from telltale.data.captions.metrics.tokens import CaptionTokens


def bleu(tokens: CaptionTokens, order: int = 4) -> np.ndarray:
    """Return the cumulative BLEU-1 to BLEU-`order` of each candidate: (n, order), from 0 to 1.

    p_n = Σ_g min(count of g in the candidate, most in any one reference) / n-grams of the candidate; a candidate
    without a common n-gram, an empty one too, has 0.
    """
    if not 1 <= order < BITS:
        raise ValueError(f"order {order}, expected 1 to {BITS - 1}")
    matched = np.stack([_clipped(tokens, n) for n in range(1, order + 1)], 1)
    ngrams = np.maximum(tokens.candidate_lengths[:, None] - np.arange(order), 1)
    with np.errstate(divide="ignore"):
        logarithms = np.log(matched / ngrams)
    mean = logarithms.cumsum(1) / np.arange(1, order + 1)
    return brevity_penalty(tokens)[:, None] * np.exp(mean)


def brevity_penalty(tokens: CaptionTokens) -> np.ndarray:
    """BP = exp(1 - r / c) where c < r: c words of the candidate, r of the reference closest in length: (n,).

    Of two equally close references the shorter counts; an empty candidate has 0.
    """
    words, lengths = tokens.candidate_lengths, tokens.reference_lengths
    far = np.iinfo(np.int64).max
    distance = np.where(tokens.present, np.abs(lengths - words[:, None]), far)
    closest = np.where(distance == distance.min(1, keepdims=True), lengths, far).min(1)
    penalty = np.exp(np.minimum(1 - closest / np.maximum(words, 1), 0))
    return np.where(words > 0, penalty, 0.0)


def _clipped(tokens: CaptionTokens, n: int) -> np.ndarray:
    """Count the n-grams of each candidate, every one at most as often as the reference with most of it: (n,)."""
    most = counts(ngram_matches(tokens.in_references, n)).max(-1, initial=0)
    place = occurrences(ngram_matches(tokens.in_candidates, n))[..., 0]
    return ((place > 0) & (place <= most)).sum(0)
