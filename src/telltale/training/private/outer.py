"""Gradients of single records as sums of outer products, Σ_t u_t v_tᵀ: their norms and sums without forming any.

A layer that is used at the positions t of a record, such as the words of a text, has such a gradient: a linear layer
with u = g, v = a; a table of embeddings with u = 1 at the entry looked up, v = g. Of a weight that several layers share
(a table that is the last layer too) it is the sum over all of them, whose squared norm has a term for each pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from telltale.training.private.problem import CannotError


class Outer(NamedTuple):
    """Σ_t u_t v_tᵀ of each record.

    rows     u: (records, positions, height), or int64 (records, positions), the row of the only 1 in each u
    columns  v: (records, positions, width)
    """

    rows: Tensor
    columns: Tensor

    def inner(self, other: Outer) -> Tensor:
        """Σ_ts (u_t · u'_s) (v_t · v'_s), the inner product of two gradients of each record: (records,)."""
        return (_products(self.rows, other.rows) * (self.columns @ other.columns.mT)).sum((1, 2))

    def summed(self, factors: Tensor, shape: Sequence[int]) -> Tensor:
        """Add the gradients of all records up, each times its factor: (height, width) as `shape`."""
        columns = (self.columns * factors[:, None, None]).flatten(0, 1)
        if self.rows.is_floating_point():
            return (self.rows.flatten(0, 1).mT @ columns).view(shape)
        return columns.new_zeros(shape).index_add(0, self.rows.flatten(), columns)


class Part(NamedTuple):
    """A parameter's gradient of each record, by one use of one layer.

    square  its squared norm: (records,)
    summed  turns factors (records,) into the sum of gradients, each times its factor
    outer   the gradient itself, as outer products; None = not known as such
    """

    square: Tensor
    summed: Callable[[Tensor], Tensor]
    outer: Outer | None = None


def of_outer(outer: Outer, shape: Sequence[int]) -> Part:
    """Return the part of a gradient that is known by its outer products."""
    return Part(outer.inner(outer), lambda factors: outer.summed(factors, shape), outer)


def formed(each: Tensor) -> Part:
    """Return the part of a gradient that was formed: (records, *shape), small enough for that."""
    flat, shape = each.flatten(1), each.shape[1:]
    outer = Outer(flat[:, None], flat.new_ones(1, 1, 1).expand(len(flat), 1, 1))
    return Part(flat.square().sum(1), lambda factors: (factors @ flat).view(shape), outer)


def together(parts: Sequence[Part]) -> Part:
    """Add up a parameter's gradients by all its uses: ‖Σ_k G_k‖² = Σ_k ‖G_k‖² + 2 Σ_{k<l} ⟨G_k, G_l⟩.

    Raises CannotError for more than one use where one is not known by its outer products.
    """
    if len(parts) == 1:
        return parts[0]
    outers = [part.outer for part in parts if part.outer]
    if len(outers) < len(parts):
        raise CannotError("bookkeeping wants every layer to be used exactly once")
    pairs = [one.inner(other) for place, one in enumerate(outers) for other in outers[:place]]
    square = torch.stack([part.square for part in parts]).sum(0) + 2 * torch.stack(pairs).sum(0)
    # rounding may leave a square below 0 where uses cancel
    return Part(square.clamp_min(0), lambda factors: torch.stack([part.summed(factors) for part in parts]).sum(0))


def _products(one: Tensor, other: Tensor) -> Tensor:
    """u_t · u'_s of each record: (records, positions, positions of the other)."""
    if one.is_floating_point():
        return one @ other.mT if other.is_floating_point() else _looked_up(one, other)
    return _looked_up(other, one).mT if other.is_floating_point() else one[:, :, None] == other[:, None]


def _looked_up(rows: Tensor, places: Tensor) -> Tensor:
    """Return the entry of each u_t at the row of each u'_s: (records, positions, positions of the other)."""
    return rows.gather(2, places[:, None].expand(-1, rows.shape[1], -1))
