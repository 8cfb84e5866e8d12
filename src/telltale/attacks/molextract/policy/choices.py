"""Choosing among what is open, where each molecule has its own number of open sites."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from telltale.errors import NumericalError


class Choice(NamedTuple):
    """An action for each of n molecules.

    site (n,): a place among all T open sites; motif (n,); end (n,): a place among all P sites of motifs.
    """

    site: Tensor
    motif: Tensor
    end: Tensor


def log_softmax_within(logits: Tensor, group: Tensor, groups: int) -> Tensor:
    """Normalise exp(logits) over each group of rows: (rows, …), (rows,) -> (rows, …)."""
    index = group.view(-1, *[1] * (logits.dim() - 1)).expand_as(logits)
    top = logits.new_zeros(groups, *logits.shape[1:])
    top = top.scatter_reduce(0, index, logits.detach(), "amax", include_self=False)
    shifted = logits - top[group]
    total = torch.zeros_like(top).index_add(0, group, shifted.exp())
    return shifted - total.log()[group]


def sum_within(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Sum each group of rows: (rows, …), (rows,) -> (groups, …)."""
    return values.new_zeros(groups, *values.shape[1:]).index_add(0, group, values)


def drawn(log_probs: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one column a row by the Gumbel trick: (rows, columns) -> (rows,). What has probability 0 is not drawn.

    NumericalError where a probability is not a number.
    """
    return _noisy(log_probs, generator).argmax(1)


def drawn_within(log_probs: Tensor, group: Tensor, groups: int, generator: torch.Generator) -> Tensor:
    """Draw one row of each group: (rows,), (rows,) -> (groups,). Every group has a row. NumericalError: as there."""
    noisy = _noisy(log_probs, generator)
    top = noisy.new_zeros(groups).scatter_reduce(0, group, noisy, "amax", include_self=False)
    best = torch.nonzero(noisy == top[group])[:, 0]
    chosen = torch.empty(groups, dtype=torch.int64)
    chosen[group[best.flip(0)]] = best.flip(0)  # of equals the first
    return chosen


def _noisy(log_probs: Tensor, generator: torch.Generator) -> Tensor:
    """Add -log(-log U), whose maximum falls on each with its probability. NumericalError where one is NaN."""
    waits = torch.empty(log_probs.shape, dtype=log_probs.dtype).exponential_(generator=generator)
    noisy = log_probs - waits.clamp_min(torch.finfo(waits.dtype).tiny).log()  # of 0 infinite: a closed one were drawn
    if noisy.isnan().any():
        raise NumericalError("the policy's probabilities are no numbers; lower attack.policy.learning_rate")
    return noisy
