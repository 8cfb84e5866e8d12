"""Handwritten digits (Alpaydin & Kaynak 1998): 1,797 pictures of 8 x 8 that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from telltale.data.images.records import ReadImages, distinct

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def load() -> ReadImages:
    """Return the pictures, one channel, grey levels 0…16 as 0…1."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.images[:, None] / 16).astype(np.float32)
    return distinct(pixels, digits.target, "digits", CLASSES)
