"""Quantizers on a network: its weight matrices and kernels are replaced, biases and norms are not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from telltale.checks import whole_number
from telltale.defenses.quantization.codebook import Codebook, Quantizer
from telltale.defenses.quantization.kmeans import kmeans, kmeans_linear
from telltale.defenses.quantization.uniform import symmetric, uniform
from telltale.defenses.quantization.weighted_entropy import weighted_entropy
from telltale.errors import InputError
from telltale.models.stored_bits import MOST_BITS, WHOLE

QUANTIZERS: dict[str, Quantizer] = {
    "uniform": uniform,
    "symmetric": symmetric,
    "kmeans": kmeans,
    "kmeans_linear": kmeans_linear,
    "weighted_entropy": weighted_entropy,
}
GRANULARITIES = ("tensor", "channel")


def require_bits(field: str, bits: object) -> int:
    """Return a number of bits; InputError for what is not a whole number from 1 to 8."""
    expected = f"a whole number of bits from 1 to {MOST_BITS} (defense=none keeps {WHOLE})"
    return int(whole_number(field, bits, most=MOST_BITS, expected=expected))


def matrices(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield name and parameter of each matrix or kernel, in the network's order: all with more than one dimension."""
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.ndim > 1)


def require_matrices(field: str, value: object, model: nn.Module) -> None:
    """Refuse, by InputError, a network without any matrix or kernel."""
    if not any(True for _ in matrices(model)):
        raise InputError(field, value, f"quantizes weight matrices, and {type(model).__name__} has none")


def codebooks_of(weights: np.ndarray, quantizer: Quantizer, bits: int, granularity: str) -> list[Codebook]:
    """Quantize one tensor: a single code book, or one for each output channel (its first axis)."""
    groups = weights.reshape(1 if granularity == "tensor" else len(weights), -1)
    return [quantizer(group, bits) for group in groups]


@torch.no_grad()
def quantize(model: nn.Module, quantizer: Quantizer, bits: int, granularity: str = "tensor") -> nn.Module:
    """Replace, in place, every matrix and kernel by what is stored of it; returns the model."""
    for _, parameter in matrices(model):
        books = codebooks_of(parameter.cpu().numpy(), quantizer, bits, granularity)
        stored = np.concatenate([book.values() for book in books]).reshape(tuple(parameter.shape))
        parameter.copy_(torch.from_numpy(stored))
    return model
