"""What an encoder computes once for atoms that look alike: sums over neighbours, BatchNorm by copies, pooling.

Each has its gradient written by hand: sums in a fixed order both ways, so that equal seeds give equal weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from telltale.data.molecules.alike import KINDS, Layer, Sums


def neighbour_sums(states: Tensor, table: Tensor, layer: Layer, weights: Tensor | None = None) -> Tensor:
    """Sum neighbours' states and bond embeddings: (states below, width), (KINDS, width) -> (states, width).

    weights: (neighbours,) of each; None = 1.
    """
    kinds = layer.kinds
    if weights is not None:
        place = layer.sums.target() * KINDS + layer.kind
        kinds = weights.new_zeros(layer.number * KINDS).index_add_(0, place, weights).view(-1, KINDS)
    return torch.addmm(summed(states, layer.sums, weights), kinds.to(table.dtype), table)


def summed(rows: Tensor, sums: Sums, weights: Tensor | None = None) -> Tensor:
    """Sum rows as `sums` says, weighed: (rows below, width) -> (states, width)."""
    result: Tensor = _Sum.apply(rows, sums, weights)
    return result


def of_neighbours(rows: Tensor, sums: Sums) -> Tensor:
    """Lay neighbours' rows side by side: (rows below, width) -> (neighbours, width)."""
    result: Tensor = _Taken.apply(rows, sums.source, sums.order, sums.back_at)
    return result


def over_neighbours(values: Tensor, sums: Sums, target: Tensor) -> Tensor:
    """Sum what lies side by side: (neighbours, width) -> (states, width); target: `sums.target()`."""
    result: Tensor = _Together.apply(values, sums.begin, target)
    return result


def each_copy(states: Tensor, layer: Layer) -> Tensor:
    """Give every atom its state: (states, width) -> (atoms, width)."""
    return rows_at(states, layer.place)


def rows_at(rows: Tensor, place: Tensor) -> Tensor:
    """Look rows up on a CPU, (rows, width) -> (places, width): as index_select, whose gradient is slower by far."""
    back = Sums.of(place.numpy(), np.ones(len(place), np.int64), len(rows))
    result: Tensor = _Taken.apply(rows, place, back.order, back.back_at)
    return result


def batch_normalised(states: Tensor, layer: Layer, norm: torch.nn.BatchNorm1d, relu: bool) -> Tensor:
    """Normalise over all atoms, each state counted as often as it has copies; then ReLU, if asked for."""
    assert norm.running_mean is not None and norm.running_var is not None
    share = layer.copies.to(states.dtype) / len(layer.place)
    result: Tensor = _Norm.apply(states, share, len(layer.place), norm.weight, norm.bias, norm, relu)
    return result


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, sums: Sums, weights: Tensor | None) -> Tensor:
        ctx.sums, ctx.weights = sums, weights
        return embedding_bag(sums.source, rows, sums.begin, mode="sum", per_sample_weights=weights)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        sums, weights = ctx.sums, ctx.weights
        back = None if weights is None else weights[sums.order]
        rows = embedding_bag(sums.back, gradient.contiguous(), sums.back_at, mode="sum", per_sample_weights=back)
        return rows, None, None


class _Taken(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, place: Tensor, order: Tensor, begin: Tensor) -> Tensor:
        ctx.order, ctx.begin = order, begin
        return rows.index_select(0, place)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return embedding_bag(ctx.order, gradient.contiguous(), ctx.begin, mode="sum"), None, None, None


class _Together(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, begin: Tensor, target: Tensor) -> Tensor:
        ctx.target = target
        return embedding_bag(torch.arange(len(target)), values, begin, mode="sum")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient.index_select(0, ctx.target), None, None


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, share: Tensor, number: int, weight: Tensor, bias: Tensor, norm: Any, relu: bool
    ) -> Tensor:
        mean = share @ states
        centred = states - mean
        squares = centred.square()
        variance = share @ squares
        norm.track(mean, variance * (number / (number - 1)))
        inverse = torch.rsqrt(variance + norm.eps)
        normal = torch.addcmul(bias, centred, inverse * weight, out=squares)  # what fits the cache is used again
        if relu:
            normal.relu_()
        ctx.save_for_backward(centred, share, weight, inverse, *([normal] if relu else []))
        return normal

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        centred, share, weight, inverse, *normal = ctx.saved_tensors
        if normal:
            gradient = torch.ops.aten.threshold_backward(gradient, normal[0], 0)
        total, states = gradient.sum(0), gradient * centred
        along = states.sum(0)
        # of each copy: through the mean and through the variance
        torch.addcmul(total, centred, along * inverse.square(), out=states)
        torch.addcmul(gradient, states, share[:, None], value=-1, out=states).mul_(inverse * weight)
        return states, None, None, along * inverse, total, None, None
