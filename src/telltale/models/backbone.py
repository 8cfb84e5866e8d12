"""Backbones: networks that turn a record into features; a head of the objective turns those into classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from telltale.checks import choice
from telltale.errors import InputError


class Backbone(nn.Module):
    """Base of networks on pictures and tables: (records, *shape) -> features (records, output_width).

    A subclass sets `accepts` and `output_width`. shape: of one record; the experiment fills it in from the data
    set. Raises InputError for an option out of range.
    """

    accepts: frozenset[str]
    output_width: int

    def __init__(self, shape: Sequence[int] | None) -> None:
        super().__init__()
        if not shape:
            raise InputError("model.shape", shape, "the shape of one record; leave it null to take the data set's")
        self.shape = tuple(int(size) for size in shape)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return the parts that hold the parameters, from input to output; a transfer may train the last ones only."""
        raise NotImplementedError

    def linear_layers(self) -> list[tuple[str, str]] | None:
        """Name each linear layer and the activation after it, where the backbone is nothing else; None = it is more."""
        return None

    def forward(self, records: Tensor) -> Tensor:
        """Compute features: (records, output_width)."""
        raise NotImplementedError


class Classifier(nn.Module):
    """A backbone and a linear head: what a classification recipe releases.

    forward: logits (records, classes); embed: the backbone's features (records, output_width).
    """

    def __init__(self, backbone: Any, classes: int) -> None:
        super().__init__()
        self.backbone, self.head = backbone, nn.Linear(backbone.output_width, classes)
        self.output_width = backbone.output_width

    @property
    def accepts(self) -> Any:
        """Name the kinds of data the backbone works on."""
        return self.backbone.accepts

    def embed(self, records: Any) -> Tensor:
        """Compute the backbone's features."""
        return self.backbone(records)

    def forward(self, records: Any) -> Tensor:
        """Compute logits."""
        return self.head(self.backbone(records))


def flat_width(shape: Sequence[int]) -> int:
    """Count the numbers in one record."""
    return math.prod(shape)


def picture_channels(shape: Sequence[int]) -> int:
    """Return the channels of a picture; InputError for another shape."""
    if len(shape) != 3:
        raise InputError("model.shape", tuple(shape), "a picture's shape (channels, height, width)")
    return shape[0]


def norm_layer(kind: str, channels: int) -> nn.Module:
    """Build the normalisation after a convolution: batch (statistics of the batch) or group (of the record alone)."""
    choice("model.norm", kind, ("batch", "group"))
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(math.gcd(channels, 8), channels)
