"""Grey pictures of more than eight bits, as X-rays are exported: brought to eight by one scale for a whole data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

BITS = (8, 10, 12, 14, 16)  # that scanners and cameras use


def is_deep(picture: Image) -> bool:
    """Tell whether Pillow would cut the levels of a picture at 255, or holds numbers that are no levels."""
    return picture.mode.startswith("I") or picture.mode == "F"


def deepest_level(picture: Image) -> int:
    """Return the highest level of a deep picture. Raises ValueError unless its levels are those of 16 bits at most."""
    if picture.mode == "F":
        raise ValueError("its levels are fractions; expected whole numbers of 8 or 16 bits")
    levels = np.asarray(picture)
    low, high = int(levels.min()), int(levels.max())
    if low < 0 or high > 65535:
        raise ValueError(f"its levels run from {low} to {high}; expected 0 to 65535")
    return high


def bits_of(deepest: int) -> int:
    """Return the fewest bits, of those in use, that hold the deepest level of a data set.

    >>> bits_of(4_000)
    12
    """
    return next(bits for bits in BITS if deepest < 2**bits)


def to_eight_bits(picture: Image, bits: int) -> Image:
    """Return a deep picture in 8 bits: level v as 255 v / (2^bits - 1), of 16 bits v / 257; a transparent one is white.

    One scale for all pictures of a data set keeps a dark picture darker than a bright one.
    """
    from PIL.Image import fromarray

    levels = np.asarray(picture).astype(np.float64)
    grey = np.rint(levels * (255 / (2**bits - 1)))
    if isinstance(clear := picture.info.get("transparency"), int):
        grey[levels == clear] = 255
    return fromarray(grey.astype(np.uint8))
