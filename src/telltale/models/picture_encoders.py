"""Convolutional encoders of captioners, trained from scratch: a residual one (A) and one as VGG's (B)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from telltale.checks import whole_number
from telltale.errors import InputError
from telltale.models.backbone import Backbone, norm_layer, picture_channels
from telltale.models.resnet import Block


class ResidualEncoder(Backbone):
    """A: a stem, which halves the picture, and a residual block a stage; all positions, flattened.

    A ResNet takes the mean over positions: of so few channels that is too little to tell hundreds of pictures apart.
    """

    accepts = frozenset({"images", "captions"})

    def __init__(self, channels: Sequence[int], norm: str = "batch", shape: Sequence[int] | None = None) -> None:
        super().__init__(shape)
        stages = checked_channels(channels, self.shape)
        stem = nn.Conv2d(picture_channels(self.shape), stages[0], 3, 2, 1, bias=False)
        layers: list[nn.Module] = [stem, norm_layer(norm, stages[0]), nn.ReLU()]
        for place, after in enumerate(stages):
            layers.append(Block(stages[max(place - 1, 0)], after, 2 if place else 1, norm))
        self.layers = nn.Sequential(*layers)
        sides = [-(-side // 2 ** len(stages)) for side in self.shape[1:]]
        self.output_width = stages[-1] * sides[0] * sides[1]

    def forward(self, records: Tensor) -> Tensor:
        """Compute features: (records, output_width)."""
        return self.layers(records).flatten(1)


class VGGEncoder(Backbone):
    """B: two 3x3 convolutions and a max pooling a stage (Simonyan & Zisserman 2015); all positions, flattened."""

    accepts = frozenset({"images", "captions"})

    def __init__(self, channels: Sequence[int], norm: str = "batch", shape: Sequence[int] | None = None) -> None:
        super().__init__(shape)
        stages = checked_channels(channels, self.shape)
        before, layers = picture_channels(self.shape), list[nn.Module]()
        for after in stages:
            for entering in (before, after):
                layers += [nn.Conv2d(entering, after, 3, padding=1, bias=False), norm_layer(norm, after), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
            before = after
        self.layers = nn.Sequential(*layers)
        halved = [side >> len(stages) for side in self.shape[1:]]
        self.output_width = before * halved[0] * halved[1]

    def forward(self, records: Tensor) -> Tensor:
        """Compute features: (records, output_width)."""
        return self.layers(records).flatten(1)


ENCODERS: dict[str, Callable[..., Backbone]] = {"residual": ResidualEncoder, "vgg": VGGEncoder}


def checked_channels(channels: Sequence[int], shape: Sequence[int]) -> list[int]:
    """Return the channels of an encoder's stages; InputError for none, or more than the picture can be halved."""
    if isinstance(channels, str) or not channels:
        raise InputError("model.channels", channels, "a list of whole numbers, one a stage, as [16,32]")
    if min(shape[1:]) >> len(channels) < 1:
        raise InputError("model.channels", list(channels), f"fewer stages: each halves {shape[1]} x {shape[2]}")
    return [whole_number("model.channels", after) for after in channels]
