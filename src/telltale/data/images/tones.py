"""Grey values of pictures: luminance of colour, and the range they fill."""

from __future__ import annotations

import numpy as np

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)
WHITE = 255.0


def tones(pixels: np.ndarray, channels: int | None = None) -> np.ndarray:
    """Return pictures as float64 on the scale 0 to 255: (n, c, h, w) uint8, or float with 1 for white.

    channels: 1 turns colour into luminance; None keeps the channels.
    """
    scaled = pixels.astype(np.float64) * (1.0 if pixels.dtype == np.uint8 else WHITE)
    if channels == 1 and scaled.shape[-3] == len(LUMINANCE):
        return np.moveaxis(np.tensordot(scaled, LUMINANCE, (-3, 0))[..., None], -1, -3)
    return scaled


def stretched(pictures: np.ndarray) -> np.ndarray:
    """Stretch the last three axes of each picture linearly to 0…255; a picture of one value becomes 0."""
    axes = (-3, -2, -1)
    low = pictures.min(axes, keepdims=True)
    width = pictures.max(axes, keepdims=True) - low
    return WHITE * (pictures - low) / np.where(width > 0, width, 1.0)
