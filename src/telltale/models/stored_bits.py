"""The bits that a network's weights take where each tensor is stored as cheaply as its distinct values allow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

MOST_BITS = 8  # of a weight that a code book stands for
WHOLE = 32  # of a weight that is stored as it is


def stored_bits(weights: Mapping[str, np.ndarray]) -> int:
    """Count the bits that a network's weights take, each tensor stored as cheaply as its distinct values allow.

    n weights of K values: n ceil(log2 K) + 32 K for the code book, over the whole tensor or by output channel; 32 a
    weight where that is less, and for vectors (biases, norms). Where m weights are not 0, as after pruning, n bits may
    say which, and only these m are stored, by their own code book or in 32 bits.
    """
    return sum(_tensor_bits(tensor) if tensor.ndim > 1 else WHOLE * tensor.size for tensor in weights.values())


def _tensor_bits(weights: np.ndarray) -> int:
    whole, channels = WHOLE * weights.size, weights.reshape(len(weights), -1)
    distinct = len(np.unique(weights))
    by_tensor = _with_codebook(weights.size, distinct) if distinct <= 2**MOST_BITS else whole
    ordered = np.sort(channels, axis=1)
    counts = 1 + (np.diff(ordered, axis=1) != 0).sum(1)
    by_row = sum(_with_codebook(channels.shape[1], int(count)) for count in counts)
    return min(whole, by_tensor, by_row, _sparse(weights))


def _sparse(weights: np.ndarray) -> int:
    left = weights[weights != 0]
    distinct = len(np.unique(left))
    of_those = _with_codebook(left.size, distinct) if 0 < distinct <= 2**MOST_BITS else WHOLE * left.size
    return weights.size + min(of_those, WHOLE * left.size)


def _with_codebook(weights: int, levels: int) -> int:
    return weights * max(1, int(np.ceil(np.log2(levels)))) + WHOLE * levels
