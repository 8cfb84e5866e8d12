"""Quantizers on a network: its weight matrices and kernels are replaced, biases and norms are not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from telltale.defenses.quantization.codebook import Codebook, Quantizer
from telltale.defenses.quantization.kmeans import kmeans
from telltale.defenses.quantization.uniform import symmetric, uniform
from telltale.defenses.quantization.weighted_entropy import weighted_entropy
from telltale.errors import InputError

QUANTIZERS: dict[str, Quantizer] = {
    "uniform": uniform,
    "symmetric": symmetric,
    "kmeans": kmeans,
    "weighted_entropy": weighted_entropy,
}
GRANULARITIES = ("tensor", "channel")
MOST_BITS, WHOLE = 8, 32


def require_bits(field: str, bits: object) -> int:
    """Return a number of bits; InputError for what is not a whole number from 1 to 8."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= MOST_BITS:
        raise InputError(field, bits, f"a whole number of bits from 1 to {MOST_BITS} (defense=none keeps {WHOLE})")
    return bits


def require_choice(field: str, value: str, choices: Collection[str]) -> None:
    """Refuse, by InputError, what is not among `choices`."""
    if value not in choices:
        raise InputError(field, value, f"one of {', '.join(choices)}")


def matrices(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield name and parameter of each matrix or kernel, in the network's order: all with more than one dimension."""
    return ((name, one) for name, one in model.named_parameters() if one.ndim > 1)


def require_matrices(field: str, value: object, model: nn.Module) -> None:
    """Refuse, by InputError, a network without any matrix or kernel."""
    if not any(True for _ in matrices(model)):
        raise InputError(field, value, f"quantizes weight matrices, and {type(model).__name__} has none")


def codebooks_of(weights: np.ndarray, quantizer: Quantizer, bits: int, granularity: str) -> list[Codebook]:
    """Quantize one tensor: a single code book, or one for each output channel (its first axis)."""
    rows = weights.reshape(1 if granularity == "tensor" else len(weights), -1)
    return [quantizer(row, bits) for row in rows]


@torch.no_grad()
def quantize(model: nn.Module, quantizer: Quantizer, bits: int, granularity: str = "tensor") -> nn.Module:
    """Replace, in place, every matrix and kernel by what is stored of it; returns the model."""
    for _, parameter in matrices(model):
        books = codebooks_of(parameter.cpu().numpy(), quantizer, bits, granularity)
        stored = np.concatenate([book.values() for book in books]).reshape(tuple(parameter.shape))
        parameter.copy_(torch.from_numpy(stored))
    return model


def stored_bits(weights: Mapping[str, np.ndarray]) -> int:
    """Count the bits that a network's weights take, each tensor stored as cheaply as its distinct values allow.

    n weights of K values: n ceil(log2 K) + 32 K for the code book, over the whole tensor or by output channel; 32 a
    weight where that is less, and for vectors (biases, norms).
    """
    return sum(_tensor_bits(one) if one.ndim > 1 else WHOLE * one.size for one in weights.values())


def _tensor_bits(weights: np.ndarray) -> int:
    whole, rows = WHOLE * weights.size, weights.reshape(len(weights), -1)
    distinct = len(np.unique(weights))
    by_tensor = _with_codebook(weights.size, distinct) if distinct <= 2**MOST_BITS else whole
    ordered = np.sort(rows, axis=1)
    counts = 1 + (np.diff(ordered, axis=1) != 0).sum(1)
    by_row = sum(_with_codebook(rows.shape[1], int(count)) for count in counts)
    return min(whole, by_tensor, by_row)


def _with_codebook(weights: int, levels: int) -> int:
    return weights * max(1, int(np.ceil(np.log2(levels)))) + WHOLE * levels
