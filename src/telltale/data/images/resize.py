"""Pictures brought to the size and the channels that a network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from telltale.data.images.records import ImageRecords
from telltale.errors import InputError

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601
AT_ONCE = 4096  # pictures: bounds what lies in memory as float32


def fitted(records: ImageRecords, shape: Sequence[int]) -> ImageRecords:
    """Return the pictures as (channels, height, width) = `shape`; the same object where they are so already.

    Two pictures may become equal by shrinking. Raises InputError for channels other than one or three.
    """
    channels = shape[0]
    if tuple(shape) == records.shape:
        return records
    if channels != records.shape[0] and {channels, records.shape[0]} != {1, 3}:
        fault = f"pictures of {records.shape[0]} channels, where {channels} are needed; expected grey (1) or colour (3)"
        raise InputError("downstream", records.source, fault)
    return replace(records, pixels=resized(records.pixels, shape))


def resized(pixels: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Scale pictures, bilinear and antialiased where it shrinks: (n, …) -> (n, *shape), uint8 stays uint8, rounded.

    Grey becomes colour by three equal channels, colour becomes grey by Y = 0.299 R + 0.587 G + 0.114 B.
    """
    channels, height, width = shape
    scaled = np.empty((len(pixels), channels, height, width), pixels.dtype)
    for start in range(0, len(pixels), AT_ONCE):
        part = torch.from_numpy(np.ascontiguousarray(pixels[start : start + AT_ONCE])).float()
        part = interpolate(_grey(part) if channels == 1 else part, (height, width), mode="bilinear", antialias=True)
        if scaled.dtype == np.uint8:
            part = part.round().clamp(0, 255)
        scaled[start : start + AT_ONCE] = part.numpy()  # one channel is written to all three
    return scaled


def _grey(pixels: Tensor) -> Tensor:
    """Return the luminance of pictures in colour, grey ones as they are: (n, 1 | 3, …) -> (n, 1, …)."""
    if pixels.shape[1] == 1:
        return pixels
    red, green, blue = (weight * channel for weight, channel in zip(LUMINANCE, pixels.unbind(1), strict=True))
    return (red + green + blue)[:, None]  # element by element: a matrix product rounds by how many pictures there are
