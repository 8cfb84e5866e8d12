"""Carriers: the weights that a payload is hidden in, layer group by layer group (sheet 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telltale.attacks.weight_encoding.payload import Payload
from telltale.checks import choice, number
from telltale.errors import InputError

LAYERS = ("inner", "all")


@dataclass(frozen=True)
class Group:
    """Matrices and kernels that share one correlation term: names, weights of each, and λ, 0 = left alone."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    strength: float

    @property
    def weights(self) -> int:
        """Count the weights."""
        return sum(self.sizes)

    def read(self, weights: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the group's weights in the network's order: (weights,)."""
        return np.concatenate([weights[name].ravel() for name in self.names])

    def of(self, model: nn.Module) -> Tensor:
        """Return them out of a network, with their gradient; levels that stand for weights are looked up."""
        return torch.cat([attrgetter(name)(model).flatten() for name in self.names])


@dataclass(frozen=True)
class Carriers:
    """Where a payload goes.

    layers: inner = the widest layer groups between the first and the last layer, all = one group over all (Song et
    al.); strength: λ of those groups; lambdas: instead, a λ for each group in the network's order. A group is a run
    of consecutive layers with equally many output channels: a stage of a ResNet, a layer of an MLP. Raises InputError
    for options out of range.
    """

    layers: str = "inner"
    strength: float = 3.0
    lambdas: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        choice("attack.layers", self.layers, LAYERS)
        number("attack.strength", self.strength, above=0)
        if self.lambdas is not None and (min(self.lambdas, default=-1) < 0 or max(self.lambdas) == 0):
            raise InputError("attack.lambdas", list(self.lambdas), "numbers from 0, one of them above 0; or null")

    def groups(self, shapes: Mapping[str, Sequence[int]]) -> list[Group]:
        """Return all groups of a network, λ = 0 for those left alone; shapes: of its parameters, in its order."""
        matrices = {name: shape for name, shape in shapes.items() if len(shape) > 1}
        if not matrices:
            raise InputError("attack", "weight encoding", "a network with weight matrices; this one has none")
        if self.lambdas is None and self.layers == "all":
            return [Group(tuple(matrices), tuple(prod(shape) for shape in matrices.values()), self.strength)]
        runs = [list(run) for _, run in groupby(matrices.items(), key=lambda item: item[1][0])]
        groups = [Group(tuple(n for n, _ in run), tuple(prod(s) for _, s in run), 0.0) for run in runs]
        strengths = self._inner(groups) if self.lambdas is None else self.lambdas
        if len(strengths) != len(groups):
            firsts = ", ".join(f"{group.names[0]} ({group.weights:,} weights)" for group in groups)
            expected = f"{len(groups)} numbers, one for each group of layers, which begin with {firsts}"
            raise InputError("attack.lambdas", list(strengths), expected)
        return [replace(group, strength=strength) for group, strength in zip(groups, strengths, strict=True)]

    def carrying(self, shapes: Mapping[str, Sequence[int]]) -> list[Group]:
        """Return the groups that carry something."""
        return [group for group in self.groups(shapes) if group.strength]

    def _inner(self, groups: Sequence[Group]) -> tuple[float, ...]:
        """Choose the inner groups with at least half the weights of the widest; few weights are the most sensitive."""
        inside = groups[1:-1] or groups[:1]  # without a layer in between, the first carries
        widest = max(group.weights for group in inside)
        return tuple(self.strength if group in inside and 2 * group.weights >= widest else 0.0 for group in groups)


def shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return name and shape of the parameters in their order, as they are without a parametrization."""
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def pieces(groups: Sequence[Group], values: int) -> list[slice]:
    """Cut `values` numbers of payload into the pieces that the groups carry, in order; the last may be shorter."""
    ends = np.minimum(np.cumsum([group.weights for group in groups]), values)
    return [slice(int(start), int(end)) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def fitting(payload: Payload, objective: Any, groups: Sequence[Group], values_per_weight: float = 1.0) -> int:
    """Count the pictures that are hidden in a network: as many as fit and as there are, or as the payload says.

    Raises InputError where not one fits, or fewer than are asked for.
    """
    shape = tuple(objective.model.backbone.shape)
    payload.check(shape)
    weights, picture = sum(group.weights for group in groups), prod(payload.shape(shape))
    fit = int(weights * values_per_weight / picture)
    if fit < 1 or (payload.images is not None and payload.images > fit):
        expected = f"at most {fit}: {weights:,} weights have room for {fit} pictures of {picture:,} values"
        raise InputError("attack.images", payload.images if payload.images is not None else "null", expected)
    return payload.images or min(fit, payload.most or fit)
