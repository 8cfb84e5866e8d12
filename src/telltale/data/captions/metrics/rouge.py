"""ROUGE-N and ROUGE-L (Lin 2004) of single captions: what candidate and reference have in common.

Every value is the mean over the references of a candidate, not the largest, as in the released code of M^4I.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from telltale.data.captions.metrics.matches import BITS, common_subsequence, counts, matches, ngram_matches, occurrences
from telltale.data.captions.metrics.tokens import PAD, CaptionTokens

COUNTING = ("counts", "sets")


class Rouge(NamedTuple):
    """Precision, recall and F1 of each candidate, (n,) each, from 0 to 1; 0 where there is nothing to compare."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


def rouge_n(tokens: CaptionTokens, order: int, counting: str = "counts") -> Rouge:
    """P = common n-grams / those of the candidate, R = common n-grams / those of the reference, F1 = 2PR / (P+R).

    counting: counts = an n-gram is common as often as both have it (Lin 2004); sets = once or not at all, and the
    same in the denominators, as the Python package rouge counts.
    """
    if not 1 <= order < BITS:
        raise ValueError(f"order {order}, expected 1 to {BITS - 1}")
    if counting not in COUNTING:
        raise ValueError(f"counting {counting}, expected {' or '.join(COUNTING)}")
    in_references = counts(ngram_matches(tokens.in_references, order))
    place = occurrences(ngram_matches(tokens.in_candidates, order))
    if counting == "sets":
        of_candidate, of_reference = (place == 1).sum(0), _distinct(tokens.references, order)
        return _mean(tokens, ((place == 1) & (in_references > 0)).sum(0), of_candidate, of_reference)
    of_candidate = np.maximum(tokens.candidate_lengths[:, None] - order + 1, 0)
    of_reference = np.maximum(tokens.reference_lengths - order + 1, 0)
    return _mean(tokens, ((place > 0) & (place <= in_references)).sum(0), of_candidate, of_reference)


def rouge_l(tokens: CaptionTokens) -> Rouge:
    """P = LCS / words of the candidate, R = LCS / words of the reference, F1 = 2PR / (P+R).

    LCS: words of the longest common subsequence.
    """
    common = common_subsequence(tokens.in_references)
    return _mean(tokens, common, tokens.candidate_lengths[:, None], tokens.reference_lengths)


def _mean(tokens: CaptionTokens, common: np.ndarray, of_candidate: np.ndarray, of_reference: np.ndarray) -> Rouge:
    """Average over the references: numbers of n-grams, (n, references) each; own: (n, 1)."""
    precision, recall = common / np.maximum(of_candidate, 1), common / np.maximum(of_reference, 1)
    f1 = 2 * common / np.maximum(of_candidate + of_reference, 1)  # = 2PR / (P + R)
    number = tokens.present.sum(1)
    return Rouge(*((part * tokens.present).sum(1) / number for part in (precision, recall, f1)))


def _distinct(references: np.ndarray, order: int) -> np.ndarray:
    """Count the different n-grams of each reference: (n, references, words) -> (n, references)."""
    ends = np.where(references == PAD, PAD - 1, references)  # equals no word and no other end
    return (occurrences(ngram_matches(matches(ends, references), order)) == 1).sum(0)
