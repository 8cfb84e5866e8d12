"""Frozen trunks of ImageNet: ResNet and VGG, named and shaped as torchvision's, whose weights a user brings, and
EfficientNet-Lite, whose weights can be fetched.

The last layer of a ResNet or an EfficientNet and the whole classifier of a VGG are left out, as in the released code
of M^4I.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate

from telltale.checks import choice, whole_number
from telltale.errors import InputError
from telltale.models import efficientnet_lite
from telltale.models.efficientnet_lite import EfficientNetLiteTrunk
from telltale.models.fetched_weights import FETCHED

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's channels, values from 0 to 1
LEFT_OUT = ("fc.", "classifier.", "_fc.")  # weights that a file may have and no trunk needs
COUNTER = ".num_batches_tracked"  # of BatchNorm; files of old have none
LEAST_SIDE = 32  # pixels; all kinds halve a picture five times


class BasicBlock(nn.Module):
    """relu(x + bn2(conv2(relu(bn1(conv1(x)))))), 3 x 3 each (He et al. 2016); x is projected where shapes differ."""

    expansion = 1

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        self.downsample = _projection(before, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Add the path to the shortcut."""
        path = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(path)) + self.downsample(x)).relu()


class Bottleneck(nn.Module):
    """The same of 1 x 1, 3 x 3 and 1 x 1; as torchvision has it, it is the 3 x 3 that halves the picture."""

    expansion = 4

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        after = channels * self.expansion
        self.conv1, self.bn1 = nn.Conv2d(before, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv3, self.bn3 = nn.Conv2d(channels, after, 1, bias=False), nn.BatchNorm2d(after)
        self.downsample = _projection(before, after, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Add the path to the shortcut."""
        path = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        return (self.bn3(self.conv3(path)) + self.downsample(x)).relu()


class ResNetTrunk(nn.Module):
    """(records, 3, side, side) -> mean over positions of the last stage (records, width)."""

    def __init__(self, block: type[BasicBlock] | type[Bottleneck], depths: Sequence[int]) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        before = 64
        for stage, depth in enumerate(depths):
            channels, blocks = 64 * 2**stage, []
            for place in range(depth):
                blocks.append(block(before, channels, 2 if stage and not place else 1))
                before = channels * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages, self.width = len(depths), before

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute features."""
        x = self.maxpool(self.bn1(self.conv1(pictures)).relu())
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x.mean((2, 3))


class VGGTrunk(nn.Module):
    """(records, 3, side, side) -> all 7 x 7 positions after the last pooling, flattened: (records, 25088)."""

    def __init__(self, depths: Sequence[int]) -> None:
        super().__init__()
        layers, before = list[nn.Module](), 3
        for depth, channels in zip(depths, (64, 128, 256, 512, 512), strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
                before = channels
            layers.append(nn.MaxPool2d(2))
        self.features, self.avgpool = nn.Sequential(*layers), nn.AdaptiveAvgPool2d(7)
        self.width = before * 49

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute features."""
        return self.avgpool(self.features(pictures)).flatten(1)


Trunk = ResNetTrunk | VGGTrunk | EfficientNetLiteTrunk
LITE: dict[str, Callable[[], Trunk]] = {  # may stand in either's place: their weights can be fetched
    "efficientnet_lite0": partial(EfficientNetLiteTrunk, 0),
    "efficientnet_lite2": partial(EfficientNetLiteTrunk, 2),
}
FAMILIES: dict[str, dict[str, Callable[[], Trunk]]] = {  # encoder of a captioner: its trunks
    "residual": {
        "resnet18": partial(ResNetTrunk, BasicBlock, (2, 2, 2, 2)),
        "resnet34": partial(ResNetTrunk, BasicBlock, (3, 4, 6, 3)),
        "resnet50": partial(ResNetTrunk, Bottleneck, (3, 4, 6, 3)),
        "resnet101": partial(ResNetTrunk, Bottleneck, (3, 4, 23, 3)),
        "resnet152": partial(ResNetTrunk, Bottleneck, (3, 8, 36, 3)),
        **LITE,
    },
    "vgg": {
        "vgg11": partial(VGGTrunk, (1, 1, 2, 2, 2)),
        "vgg13": partial(VGGTrunk, (2, 2, 2, 2, 2)),
        "vgg16": partial(VGGTrunk, (2, 2, 3, 3, 3)),
        "vgg19": partial(VGGTrunk, (2, 2, 4, 4, 4)),
        **LITE,
    },
}
TRUNKS = {name: make for family in FAMILIES.values() for name, make in family.items()}


@dataclass(frozen=True)
class FrozenTrunk:
    """A pre-trained network that no training changes, with ImageNet's means and deviations in front of it.

        features = trunk((resized picture − MEAN) / DEVIATION)

    It is always in eval mode and without gradient: that BatchNorm's statistics drift in the released code, whose frozen
    trunk is in train mode, is not reproduced.

        name    one of TRUNKS
        file    its weights as safetensors
        side    pixels that pictures are resized to, bilinear, whatever their own sides are
        option  the option that names the file, for error messages

    Raises InputError for an option out of range, and for a file that is missing or does not hold these weights.
    """

    name: str
    file: str
    side: int = 224
    option: str = field(default="model.weights", compare=False)

    def __post_init__(self) -> None:
        choice(self.option.replace("weights", "trunk"), self.name, TRUNKS)
        side = f"{self.option.partition('.')[0]}.side"
        whole_number(side, self.side, LEAST_SIDE, expected=f"a whole number of pixels from {LEAST_SIDE}")
        try:
            fault = _fault(self.name, self.file, _version(self.file))
        except (OSError, SafetensorError, ValueError, TypeError) as error:  # of names that no file can have, too
            broken = isinstance(error, SafetensorError)
            what = "is not a safetensors file" if broken else "is no file that can be read"
            raise InputError(self.option, self.file, f"{what}; expected {self._expected}") from None
        if fault:
            raise InputError(self.option, self.file, f"{fault}; expected {self._expected}")

    @property
    def _expected(self) -> str:
        source = f"; or {FETCHED}" if self.name in LITE else " (docs/m4i.md says how to convert torchvision's)"
        return f"weights of {self.name} as safetensors{source}"

    @property
    def width(self) -> int:
        """Count the features."""
        return _on_meta(self.name).width

    @property
    def digest(self) -> str:
        """Return the BLAKE2b digest of the file: it stands for the weights in every key, wherever the file lies."""
        return _digest(self.file, _version(self.file))

    def document(self) -> dict[str, Any]:
        """Describe what decides the features, for keys."""
        return {"trunk": self.name, "weights": self.digest, "side": self.side}

    def network(self) -> nn.Module:
        """Build it with its weights, in eval mode; nothing in it has a gradient."""
        network, stored = copy.deepcopy(_on_meta(self.name)), load_file(self.file)
        weights = {name: stored.get(name, torch.zeros(())).float() for name in network.state_dict()}
        network.load_state_dict(weights, assign=True)
        return network.eval().requires_grad_(False)

    def prepared(self, pictures: Tensor) -> Tensor:
        """Return what the network takes of pictures (records, 1 or 3 channels, height, width) from 0 to 1."""
        resized = interpolate(pictures, (self.side, self.side), mode="bilinear", antialias=True)
        levels = (efficientnet_lite.MEAN, efficientnet_lite.DEVIATION) if self.name in LITE else (MEAN, DEVIATION)
        mean, deviation = (torch.tensor(level, device=pictures.device).view(3, 1, 1) for level in levels)
        return (resized - mean) / deviation


def _projection(before: int, after: int, stride: int) -> nn.Module:
    """Return the shortcut of a block: the identity, which has no weights, where it changes no shape."""
    if before == after and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))


@cache
def _on_meta(name: str) -> Trunk:
    """Build a trunk that has shapes and no storage."""
    with torch.device("meta"):
        return TRUNKS[name]()


def _version(file: str) -> tuple[int, int]:
    """Tell a file from another that later lies under its name."""
    status = Path(file).stat()
    return status.st_mtime_ns, status.st_size


@cache
def _digest(file: str, version: tuple[int, int]) -> str:
    digest = blake2b(digest_size=16)
    with Path(file).open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


@cache
def _fault(name: str, file: str, version: tuple[int, int]) -> str | None:
    """Name the first weight in which a file differs from a trunk, by the file's header alone; None = there is none."""
    return next(_faults(name, file), None)


def _faults(name: str, file: str) -> Iterator[str]:
    shapes = {key: list(tensor.shape) for key, tensor in _on_meta(name).state_dict().items()}
    with safe_open(file, "pt") as stored:
        there = {key: list(stored.get_slice(key).get_shape()) for key in stored.keys()}  # noqa: SIM118, it is no dict
    for key, shape in shapes.items():
        if key not in there and not key.endswith(COUNTER):
            yield f"{key} is missing"
        if key in there and there[key] != shape:
            yield f"{key} has shape {there[key]}, not {shape}"
    for key in sorted(there.keys() - shapes.keys()):
        if not key.startswith(LEFT_OUT):
            yield f"{key} is more than {name} has"
