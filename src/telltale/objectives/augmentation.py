"""Random changes of pictures while training, each a function of the record's key: no running generator."""

from __future__ import annotations

import torch
from torch import Tensor

from telltale.errors import InputError
from telltale.training.counter_random import uniform

AUGMENTATIONS = ("none", "flip", "shift", "shift_flip", "noise", "shift_flip_noise")
NOISE = 0.1  # standard deviation, where a picture's values run from 0 to 1
SHIFT = 8  # a picture moves by up to 1/8 of its side, 4 pixels of 32 as usual for CIFAR


def augment(pictures: Tensor, keys: Tensor, kind: str) -> Tensor:
    """Flip and shift (records, channels, height, width) at random by `keys` (records,); "none" changes nothing.

    flip: left-right with probability 1/2; shift: by up to 1/8 of the side each way, the picture's own reflection comes
    in, as where LiRA's and TMI's authors train and ask (`attacks.membership.queries` crops alike); noise: Gaussian, of
    its own at each pixel.
    """
    if kind == "none":
        return pictures
    if pictures.ndim != 4:
        raise InputError("objective.augmentation", kind, "none: only pictures can be flipped and shifted")
    if "shift" in kind:
        for axis in (2, 3):
            pictures = _shifted(pictures, uniform(keys, f"shift {axis}"), axis)
    if "flip" in kind:
        flipped = uniform(keys, "flip") < 0.5
        pictures = torch.where(flipped[:, None, None, None], pictures.flip(3), pictures)
    if "noise" in kind:
        places = torch.arange(pictures[0].numel(), device=pictures.device)
        draws = uniform(keys[:, None], "pixel noise", places).view(pictures.shape)
        pictures = pictures + NOISE * torch.special.ndtri(draws.clamp(1e-6, 1 - 1e-6))
    return pictures


def _shifted(pictures: Tensor, draws: Tensor, axis: int) -> Tensor:
    size = pictures.shape[axis]
    most = max(1, size // SHIFT)
    offset = (draws * (2 * most + 1)).long()
    places = (offset[:, None] + torch.arange(size, device=pictures.device) - most).abs()
    places = (size - 1 - (size - 1 - places).abs()).clamp_min(0)  # reflected at both ends; a side of 1 has itself only
    index = places[:, None, :, None] if axis == 2 else places[:, None, None, :]
    return pictures.gather(axis, index.expand_as(pictures))
