"""Residual networks for small pictures: ResNet-8 … 34 and Wide-ResNet (He et al. 2016; Zagoruyko & Komodakis 2016)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from telltale.checks import choice, whole_number
from telltale.models.backbone import Backbone, norm_layer, picture_channels

# basic blocks a stage and channels of the first; He et al. section 4.2 (three stages), table 1 (four)
DEPTHS: dict[int, tuple[tuple[int, ...], int]] = {
    8: ((1, 1, 1), 16),
    14: ((2, 2, 2), 16),
    20: ((3, 3, 3), 16),
    32: ((5, 5, 5), 16),
    18: ((2, 2, 2, 2), 64),
    34: ((3, 4, 6, 3), 64),
    # Wide-ResNet depths 6n + 4 count the projections too
    10: ((1, 1, 1), 16),
    16: ((2, 2, 2), 16),
    28: ((4, 4, 4), 16),
}


class ResNet(Backbone):
    """A 3x3 stem (no pooling), stages of basic blocks, each later stage halves the picture; mean over positions.

    depth  layers: of DEPTHS
    norm   batch | group
    widen  Wide-ResNet's factor k, e.g. depth 28 and widen 10 is WRN-28-10 (post-activation blocks, no dropout)
    shape  (channels, height, width) of one picture
    """

    accepts = frozenset({"images"})

    def __init__(self, depth: int, norm: str = "batch", widen: int = 1, shape: Sequence[int] | None = None) -> None:
        super().__init__(shape)
        choice("model.depth", depth, sorted(DEPTHS))
        blocks, first = DEPTHS[depth]
        stem = first
        self.stem = nn.Sequential(
            nn.Conv2d(picture_channels(self.shape), stem, 3, padding=1, bias=False), norm_layer(norm, stem), nn.ReLU()
        )
        layers: list[nn.Module] = []
        before = stem
        for stage, number in enumerate(blocks):
            after = first * whole_number("model.widen", widen) * 2**stage
            for place in range(number):
                layers.append(Block(before, after, 2 if stage and not place else 1, norm))
                before = after
        self.stages, self.output_width = nn.Sequential(*layers), before

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return the stem, then the basic blocks."""
        return [self.stem, *self.stages]

    def forward(self, records: Tensor) -> Tensor:
        """Compute features: (records, output_width)."""
        return self.stages(self.stem(records)).mean((2, 3))


class Block(nn.Module):
    """Basic block: two 3x3 convolutions around a shortcut; a 1x1 projection where the shape changes."""

    def __init__(self, before: int, after: int, stride: int, norm: str) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            norm_layer(norm, after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            norm_layer(norm, after),
        )
        same = before == after and stride == 1
        self.shortcut: nn.Module = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), norm_layer(norm, after))
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Add the path to the shortcut."""
        return (self.path(pictures) + self.shortcut(pictures)).relu()
