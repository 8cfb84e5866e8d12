"""Losses of each molecule alone, out of those of its atoms or bonds: what private training clips."""

from __future__ import annotations

from torch import Tensor


def mean_by_molecule(values: Tensor, molecule_of: Tensor, counted: Tensor, molecules: int) -> Tensor:
    """Average the values that count, `counted` (values,) bool, over each molecule: (molecules,), 0 where none does."""
    weights = counted.to(values.dtype)
    totals, numbers = (values.new_zeros(molecules).index_add(0, molecule_of, of) for of in (values * weights, weights))
    return totals / numbers.clamp_min(1)
