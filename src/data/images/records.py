"""Pictures as records: pixels with their labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class ImageRecords:
    """An ordered set of n pictures.

    pixels: (n, channels, height, width) float32 in [0, 1]; labels: (n,) int64, the class of each.
    """

    pixels: np.ndarray
    labels: np.ndarray
    source: str
    kind: str = field(default="images", init=False)

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.pixels)

    def take(self, rows: np.ndarray) -> Self:
        """Return the pictures at `rows` (indices or a boolean mask), in that order."""
        return type(self)(self.pixels[rows], self.labels[rows], self.source)

    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each picture with its label, (n,) dtype S16."""
        pairs = zip(self.pixels, self.labels, strict=True)
        digests = b"".join(
            blake2b(f"{label}".encode() + image.tobytes(), digest_size=16).digest() for image, label in pairs
        )
        return np.frombuffer(digests, dtype="S16")

    def arrays(self) -> Self:
        """Return the records themselves: they are plain arrays already."""
        return self


@dataclass(frozen=True, eq=False)
class ReadImages:
    """What was read: distinct pictures, those that could not be read, duplicates dropped, pictures seen."""

    records: ImageRecords
    duplicates: int
    lines: int
    invalid: tuple[()] = ()


def distinct(pixels: np.ndarray, labels: np.ndarray, source: str) -> ReadImages:
    """Drop a picture that came before with the same label."""
    records = ImageRecords(pixels, labels, source)
    _, first = np.unique(records.fingerprints(), return_index=True)
    kept = records.take(np.sort(first))
    return ReadImages(kept, len(records) - len(kept), len(records))
