"""Pictures as records: pixels with their labels."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from src.data.digests import digests_of, first_of_each
from src.data.records import check_labels, require_labels


@dataclass(frozen=True, eq=False)
class ImageRecords:
    """An ordered set of n pictures.

    pixels: (n, channels, height, width), float32 in [0, 1] or uint8, 255 for 1; labels: (n,) int64, the class of
    each; classes: their names, a label is a position there.
    """

    pixels: np.ndarray
    labels: np.ndarray
    source: str
    classes: tuple[str, ...]
    kind: str = field(default="images", init=False)

    def __post_init__(self) -> None:
        check_labels(len(self.pixels), self.labels, self.classes)

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one picture: (channels, height, width)."""
        return self.pixels.shape[1:]

    def take(self, rows: np.ndarray) -> Self:
        """Return the pictures at `rows` (indices or a boolean mask), in that order."""
        return replace(self, pixels=self.pixels[rows], labels=self.labels[rows])

    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each picture with its label, (n,) dtype S16."""
        return digests_of(self.pixels, self.labels)

    def arrays(self) -> Self:
        """Return the records themselves: they are plain arrays already."""
        return self


@dataclass(frozen=True)
class InvalidImage:
    """A file that should hold a picture and does not; reason: why, in words."""

    file: Path
    reason: str


@dataclass(frozen=True, eq=False)
class ReadImages:
    """What was read: distinct pictures, those that could not be read, duplicates dropped, pictures seen."""

    records: ImageRecords
    duplicates: int
    lines: int
    invalid: tuple[InvalidImage, ...] = ()

    def write_invalid(self, path: Path) -> None:
        """Write the unreadable pictures to a CSV file with the columns file, reason."""
        with Path(path).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["file", "reason"])
            writer.writerows((bad.file, bad.reason) for bad in self.invalid)


def distinct(
    pixels: np.ndarray,
    labels: np.ndarray,
    source: str,
    classes: tuple[str, ...],
    invalid: tuple[InvalidImage, ...] = (),
) -> ReadImages:
    """Keep the first of equal pictures, whatever their labels; shapes as in `ImageRecords`.

    Raises InputError where all are of one class.
    """
    records = ImageRecords(pixels, labels.astype(np.int64), source, classes)
    first = first_of_each(digests_of(pixels))
    kept = records if len(first) == len(records) else records.take(first)
    require_labels(kept)
    return ReadImages(kept, len(records) - len(kept), len(records) + len(invalid), invalid)
