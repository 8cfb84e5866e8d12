"""Multilayer perceptron on flattened records, as in most membership studies of tables (Shokri et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from telltale.checks import choice, share, whole_number
from telltale.errors import InputError
from telltale.models.backbone import Backbone, flat_width

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class MLP(Backbone):
    """Linear layers with an activation after each: (records, *shape) -> (records, widths[-1]).

    widths      of each layer
    activation  of ACTIVATIONS
    dropout     probability, after each activation
    shape       of one record
    """

    accepts = frozenset({"images", "table"})

    def __init__(
        self,
        widths: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
        shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(shape)
        choice("model.activation", activation, ACTIVATIONS)
        share("model.dropout", dropout, zero=True, whole=False, expected="from 0 to below 1")
        if isinstance(widths, str) or not widths:
            raise InputError("model.widths", widths, "a list of whole numbers, one a hidden layer, as [256,128]")
        sizes = [flat_width(self.shape), *(whole_number("model.widths", width) for width in widths)]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.layers, self.output_width = nn.Sequential(*layers), sizes[-1]
        self.activation, self.dropout = activation, dropout

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return the linear layers."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def linear_layers(self) -> list[tuple[str, str]] | None:
        """Name the layers, where nothing is dropped out."""
        names = [name for name, layer in self.layers.named_children() if isinstance(layer, nn.Linear)]
        return None if self.dropout else [(f"layers.{name}", self.activation) for name in names]

    def forward(self, records: Tensor) -> Tensor:
        """Compute features: (records, output_width)."""
        return self.layers(records.flatten(1))
