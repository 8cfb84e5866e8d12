"""No network at all: the objective's linear head on the records themselves."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from telltale.models.backbone import Backbone, flat_width


class Linear(Backbone):
    """The identity on flattened records: (records, *shape) -> (records, numbers in one record).

    With a classification head it is softmax regression; from a zero head its loss is convex, and one step of it is
    known in closed form.
    """

    accepts = frozenset({"images", "table"})

    def __init__(self, shape: Sequence[int] | None = None) -> None:
        super().__init__(shape)
        self.output_width = flat_width(self.shape)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return nothing: there is no parameter."""
        return []

    def linear_layers(self) -> list[tuple[str, str]]:
        """Name nothing: there is no layer."""
        return []

    def forward(self, records: Tensor) -> Tensor:
        """Flatten."""
        return records.flatten(1)
