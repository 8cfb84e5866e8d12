"""What a language model's log-probabilities say about membership: pure functions, higher = more like a member.

log_probs: (texts, tokens) log p(x_t | x_<t) of each token of a text given those before it, NaN after the text's end.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

LEAST = 1e-6  # of a deviation: where the model is as good as certain, nothing is to be told


def mean_log_prob(log_probs: np.ndarray) -> np.ndarray:
    """Return 1/n Σ_t log p(x_t | x_<t), minus the loss and minus the logarithm of the perplexity: (texts,).

    The loss attack of Yeom et al. (CSF 2018) on a language model.

    >>> mean_log_prob(np.array([[-1.0, -3.0, np.nan], [-2.0, -2.0, -5.0]]))
    array([-2., -3.])
    """
    averaged: np.ndarray = np.nanmean(log_probs, axis=-1)
    return averaged


def zlib_lengths(texts: Iterable[str]) -> np.ndarray:
    """Return how many bytes zlib makes of each text, by its default level: (texts,), at least 8."""
    return np.array([len(zlib.compress(text.encode("utf-8"))) for text in texts], dtype=np.int64)


def zlib_ratio(log_probs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return minus log-perplexity over zlib entropy: (texts,).

        score = 1/n Σ_t log p(x_t | x_<t) / |zlib(x)|

    Carlini et al. (2021, arXiv 2012.07805): what is easy for the model though zlib finds little to press together. The
    mean does not grow with the text while its length does, so that long texts score higher, members or not.

    >>> zlib_ratio(np.array([[-1.0, -3.0, np.nan]]), np.array([10]))
    array([-0.2])
    """
    return mean_log_prob(log_probs) / lengths


def total_zlib_ratio(log_probs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the ratio of two lengths of code, Σ_t log p(x_t | x_<t) / |zlib(x)|: both grow with the text, (texts,).

    >>> total_zlib_ratio(np.array([[-1.0, -3.0, np.nan]]), np.array([10]))
    array([-0.4])
    """
    ratio: np.ndarray = np.nansum(log_probs, axis=-1) / lengths
    return ratio


def lowest_mean(values: np.ndarray, share: float) -> np.ndarray:
    """Average the `share` % lowest values of each row, one at least: (texts,).

        Min-K%(x) = 1/|E| Σ_{x_t ∈ E} log p(x_t | x_<t),   E the k % of tokens with the lowest probability

    Shi et al. (2024, arXiv 2310.16789), on log_probs: a text that was trained on has few unexpected words.

    >>> lowest_mean(np.array([[-4.0, -1.0, -3.0, -2.0, np.nan]]), 50)  # of four the lower two
    array([-3.5])
    """
    known = np.isfinite(values)
    counts = known.sum(-1)
    taken = np.maximum(1, np.floor(share * counts / 100)).astype(int)
    ordered = np.sort(np.where(known, values, np.inf), axis=-1)
    chosen = np.arange(values.shape[-1]) < taken[:, None]
    mean: np.ndarray = np.where(chosen, ordered, 0).sum(-1) / taken
    return np.where(counts > 0, mean, np.nan)


def standardised(log_probs: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Set each token's log p against all that could stand in its place: (texts, tokens), NaN as in log_probs.

        (log p(x_t | x_<t) - μ_t) / σ_t,   μ_t = E_z[log p(z | x_<t)],  σ_t² = Var_z[log p(z | x_<t)],  z ~ p(· | x_<t)

    Min-K%++ is `lowest_mean` of it (Zhang et al. 2024, arXiv 2404.02936): is the token a mode of the distribution?
    moments: (texts, tokens, 2) μ_t and σ_t.

    >>> standardised(np.array([[-1.0, np.nan]]), np.array([[[-2.0, 0.5], [np.nan, np.nan]]]))
    array([[ 2., nan]])
    """
    mean, deviation = moments[..., 0], moments[..., 1]
    scaled: np.ndarray = (log_probs - mean) / np.maximum(deviation, LEAST)
    return scaled
