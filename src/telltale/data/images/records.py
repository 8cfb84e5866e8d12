"""Pictures as records: pixels with their labels."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from telltale.checks import choice
from telltale.data.digests import digests_of, first_of_each
from telltale.data.records import check_labels, input_digests, require_labels
from telltale.errors import InputError


@dataclass(frozen=True, eq=False)
class ImageRecords:
    """An ordered set of n pictures.

    pixels          (n, channels, height, width), float32 in [0, 1] or uint8, 255 for 1
    labels          (n,) int64, the class of each
    source          the data set, as printed beside every figure
    classes         their names, a label is a position there
    coarse          (n,) int64, a second label of each, of fewer classes; None = the data set has no such labels
    coarse_classes  their names
    """

    pixels: np.ndarray
    labels: np.ndarray
    source: str
    classes: tuple[str, ...]
    coarse: np.ndarray | None = None
    coarse_classes: tuple[str, ...] = ()
    kind: str = field(default="images", init=False)

    def __post_init__(self) -> None:
        check_labels(len(self.pixels), self.labels, self.classes)
        if self.coarse is not None:
            check_labels(len(self.pixels), self.coarse, self.coarse_classes)

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one picture: (channels, height, width)."""
        return self.pixels.shape[1:]

    def take(self, rows: np.ndarray) -> Self:
        """Return the pictures at `rows` (indices or a boolean mask), in that order."""
        coarse = None if self.coarse is None else self.coarse[rows]
        return replace(self, pixels=self.pixels[rows], labels=self.labels[rows], coarse=coarse)

    def with_coarse_labels(self) -> Self:
        """Return the same pictures under their coarse labels alone. Raises InputError where they have none."""
        if self.coarse is None:
            expected = "has no coarse labels; choose a data set that has, e.g. fashion_mnist, emoji or cifar100"
            raise InputError("downstream", self.source, expected)
        source = f"{self.source}, coarse labels"
        return replace(
            self, labels=self.coarse, classes=self.coarse_classes, source=source, coarse=None, coarse_classes=()
        )

    def of_classes(self, which: Sequence[int]) -> Self:
        """Return the pictures of the classes `which`, in their order here, labelled by the position in `which`.

        Raises InputError unless these are two or more different classes.
        """
        labels, count = list(which), len(self.classes)
        if len(set(labels)) != len(labels) or len(labels) < 2 or not set(labels) <= set(range(count)):
            expected = f"expected two or more different classes of {self.source}, from 0 to {count - 1}"
            raise InputError("downstream", labels, expected)
        position = np.full(count, -1)
        position[labels] = np.arange(len(labels))
        part = self.take(position[self.labels] >= 0)
        return replace(
            part,
            labels=position[part.labels],
            classes=tuple(self.classes[label] for label in labels),
            source=f"{self.source}, {len(labels)} of {count} classes",
        )

    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each picture with its label, (n,) dtype S16; coarse labels do not count."""
        return digests_of(self.pixels, self.labels)

    def arrays(self) -> Self:
        """Return the records themselves: they are plain arrays already."""
        return self


@input_digests.register
def _(records: ImageRecords) -> np.ndarray:
    return pixel_digests(records.pixels)


def pixel_digests(pixels: np.ndarray) -> np.ndarray:
    """Digest pictures as a network sees them, (n,) dtype S16: a level k of uint8 is the same as k / 255."""
    if pixels.dtype == np.uint8:
        return digests_of(pixels)
    levels = np.rint(pixels * 255).clip(0, 255).astype(np.uint8)
    whole = (levels / np.float32(255) == pixels).all(axis=(1, 2, 3))
    return np.where(whole, digests_of(levels), digests_of(pixels))


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

    def labelled(self, labels: str) -> Self:
        """Return the same with the pictures under the labels named, fine or coarse.

        Raises InputError where all are of one class.
        """
        if labels == "fine":
            return self
        records = self.records.with_coarse_labels()
        require_labels(records)
        return replace(self, records=records)

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
    coarse: np.ndarray | None = None,
    coarse_classes: tuple[str, ...] = (),
) -> ReadImages:
    """Keep the first of equal pictures, whatever their labels; shapes as in `ImageRecords`.

    Raises InputError where all are of one class.
    """
    second = None if coarse is None else coarse.astype(np.int64)
    records = ImageRecords(pixels, labels.astype(np.int64), source, classes, second, coarse_classes)
    first = first_of_each(digests_of(pixels))
    kept = records if len(first) == len(records) else records.take(first)
    require_labels(kept)
    return ReadImages(kept, len(records) - len(kept), len(records) + len(invalid), invalid)


def require_labelling(labels: str) -> None:
    """Raise InputError unless `labels` names one of the two labellings, fine or coarse."""
    choice("dataset.labels", labels, ("fine", "coarse"), expected="expected fine or coarse")
