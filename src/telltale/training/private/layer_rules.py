"""Rules of bookkeeping: what a layer's input a and the gradient g of its output say of each record's gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm, layer_norm, pad

from telltale.models.plain_layers import Shift, Unembedding
from telltale.training.private.outer import Outer, Part, formed, of_outer

Parts = Mapping[str, Part]  # of one use of a layer, by the names of its parameters
Use = tuple[Tensor, Tensor]  # a and g of a layer


def uses_of(layer: nn.Module, inputs: Sequence[Tensor], gradients: Sequence[Tensor], records: int) -> list[Use]:
    """Return the uses of a layer, a record's rows together: a and g, (records, …) each.

    Where a layer sees several rows of a record one after the other, such as the captions of a picture, they are
    positions of it; and so are the steps of a recurrent layer, each of which is a use: together they are one.
    """
    if not isinstance(layer, BY_ROW) or any(one.ndim < 2 for one in inputs):  # places, which all records share
        return list(zip(inputs, gradients, strict=True))
    if len(inputs) > 1 and isinstance(layer, nn.Linear) and len({one.shape for one in inputs}) == 1:
        inputs, gradients = [torch.stack(list(inputs), 1)], [torch.stack(list(gradients), 1)]
    return [(_by_record(a, records), _by_record(g, records)) for a, g in zip(inputs, gradients, strict=True)]


def _by_record(rows: Tensor, records: int) -> Tensor:
    return rows if len(rows) == records or len(rows) % records else rows.unflatten(0, (records, -1))


def _linear(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """∂L/∂W = Σ_t g_t a_tᵀ: of one row ‖g‖² ‖a‖² without forming it."""
    if a.ndim == 2:
        size = g.square().sum(1)
        outer, product = Outer(g[:, None], a[:, None]), lambda factors: (g * factors[:, None]).mT @ a
        return {"weight": Part(size * a.square().sum(1), product, outer), "bias": formed(g)}
    g, a = g.flatten(1, -2), a.flatten(1, -2)
    weight = Outer(g, a)
    if 2 * g.shape[1] ** 2 < g.shape[2] * a.shape[2]:  # Gram matrices are smaller than gradients
        return {"weight": of_outer(weight, layer.weight.shape), "bias": formed(g.sum(1))}
    return {"weight": formed(g.mT @ a)._replace(outer=weight), "bias": formed(g.sum(1))}


def _embedding(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """∂L/∂E = Σ_t e_a(t) g_tᵀ: words that a text repeats meet in one entry, and no other text's."""
    a, g = a.flatten(1), g.flatten(1, -2)
    if layer.padding_idx is not None:
        g = g * (a != layer.padding_idx)[..., None]
    return {"weight": of_outer(Outer(a, g), layer.weight.shape)}


def _unembedding(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """A linear layer with the weights of another."""
    shape = torch.Size((g.shape[-1], a.shape[-1]))
    return {HANDED: of_outer(Outer(_positions(g), _positions(a)), shape)}


def _shift(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """Add the bias of another layer: ∂L/∂b = Σ_t g_t."""
    return {HANDED: formed(_positions(g).sum(1))}


def _positions(values: Tensor) -> Tensor:
    """Lay a record's rows out as (records, positions, width)."""
    return values[:, None] if values.ndim == 2 else values.flatten(1, -2)


def _convolution(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """A linear layer on the patches of a picture: t counts positions."""
    after, before, *kernel = layer.weight.shape
    g_rows, shape = g.permute(0, 2, 3, 1).flatten(1, 2).mT, (after, *kernel, before)
    parts = _products(g_rows, _patches(layer, a, g.shape[2:]), shape)
    square, summed, _ = parts["weight"]
    return {**parts, "weight": Part(square, lambda factors: summed(factors).movedim(3, 1).contiguous())}


def _patches(layer: Any, pictures: Tensor, size: torch.Size) -> Tensor:
    """Cut pictures into what a convolution sees at each position: (records, height * width * channels, positions).

    Slices are several times faster than torch's unfold on CPUs.
    """
    (height, width), (down, right), (row, column) = layer.padding, layer.stride, layer.dilation
    framed = pad(pictures, (width, width, height, height))
    slices = [
        framed[:, :, y : y + down * (size[0] - 1) + 1 : down, x : x + right * (size[1] - 1) + 1 : right]
        for y in range(0, row * layer.kernel_size[0], row)
        for x in range(0, column * layer.kernel_size[1], column)
    ]
    return torch.cat(slices, 1).flatten(2)


def _products(g: Tensor, a: Tensor, shape: Sequence[int]) -> Parts:
    """Gradients of a convolution, used at many positions: g (records, out, positions), a (records, in, positions)."""
    parts: Parts = {"bias": formed(g.sum(2))}
    if 2 * g.shape[2] ** 2 < g.shape[1] * a.shape[1]:  # Gram matrices are smaller than gradients
        square = ((a.mT @ a) * (g.mT @ g)).sum((1, 2))
        return {**parts, "weight": Part(square, lambda f: _summed(g * f[:, None, None], a).view(shape))}
    each = (g @ a.mT).flatten(1)
    return {**parts, "weight": Part(each.square().sum(1), lambda factors: (factors @ each).view(shape))}


def _summed(g: Tensor, a: Tensor) -> Tensor:
    return g.transpose(0, 1).flatten(1) @ a.transpose(0, 1).flatten(1).mT


def _group_norm(layer: Any, a: Tensor, g: Tensor) -> Parts:
    # contiguous: torch's kernel for channels last is several times slower than the copy
    return _scale_and_shift(g, group_norm(a.contiguous(), layer.num_groups, eps=layer.eps), tuple(range(2, a.ndim)))


def _layer_norm(layer: Any, a: Tensor, g: Tensor) -> Parts:
    between = tuple(range(1, a.ndim - len(layer.normalized_shape)))
    return _scale_and_shift(g, layer_norm(a, layer.normalized_shape, eps=layer.eps), between)


def _scale_and_shift(g: Tensor, normal: Tensor, positions: tuple[int, ...]) -> Parts:
    """y = γ x̂ + β: ∂L/∂γ = Σ_t g_t x̂_t and ∂L/∂β = Σ_t g_t, both small enough to be formed for each record."""
    scale, shift = ((term.sum(positions) if positions else term) for term in (g * normal, g))
    return {"weight": formed(scale), "bias": formed(shift)}


HANDED, BORROWERS = "handed", (Unembedding, Shift)  # layers whose weights are an argument: the second one
BY_ROW = (nn.Linear, nn.Embedding, nn.LayerNorm, Unembedding, Shift)  # which see each row of their input by itself
RULES: dict[type, Callable[[Any, Tensor, Tensor], Parts]] = {
    nn.Linear: _linear,
    nn.Embedding: _embedding,
    Unembedding: _unembedding,
    Shift: _shift,
    nn.Conv2d: _convolution,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
}
