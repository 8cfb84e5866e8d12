"""Small convolutional network: pairs of convolution and pooling, then one dense layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from telltale.checks import choice, whole_number
from telltale.errors import InputError
from telltale.models.backbone import Backbone, norm_layer, picture_channels


class CNN(Backbone):
    """[convolution 3x3, norm, max pooling 2, ReLU] per entry of channels, then dense: pictures -> (records, width).

    ReLU stands after the pooling: the same numbers, and a quarter of them to go through.

    channels  of each convolution
    width     of the dense layer
    norm      none | batch | group, after each convolution
    shape     (channels, height, width) of one picture
    """

    accepts = frozenset({"images"})

    def __init__(
        self,
        channels: Sequence[int],
        width: int,
        norm: str = "none",
        shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(shape)
        before, height, side = picture_channels(self.shape), *self.shape[1:]
        if isinstance(channels, str) or not channels:
            raise InputError("model.channels", channels, "a list of whole numbers, one a convolution, as [16,32]")
        if min(height, side) >> len(channels) < 1:
            raise InputError("model.channels", list(channels), f"fewer convolutions: each halves {height} x {side}")
        choice("model.norm", norm, ("none", "batch", "group"))
        layers: list[nn.Module] = []
        for after in channels:
            # before a norm a bias has no effect and a gradient of rounding errors, which Adam would make steps of
            layers += [nn.Conv2d(before, whole_number("model.channels", after), 3, padding=1, bias=norm == "none")]
            layers += [] if norm == "none" else [norm_layer(norm, after)]
            layers += [nn.MaxPool2d(2), nn.ReLU()]
            before, height, side = after, height // 2, side // 2
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(before * height * side, whole_number("model.width", width))
        self.output_width = width

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return each convolution with its norm, then the dense layer."""
        starts = [place for place, layer in enumerate(self.layers) if isinstance(layer, nn.Conv2d)]
        ends = [*starts[1:], len(self.layers)]
        return [*(self.layers[start:end] for start, end in zip(starts, ends, strict=True)), self.dense]

    def forward(self, records: Tensor) -> Tensor:
        """Compute features: (records, output_width)."""
        return self.dense(self.layers(records).flatten(1)).relu()
