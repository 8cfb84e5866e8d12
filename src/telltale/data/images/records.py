"""Pictures as records: pixels with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from telltale.checks import choice
from telltale.data.digests import digests_of, earliest, once, with_known_digests
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.records import check_labels, input_digests, of_classes, require_labels
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
    ids             (n,) text, what their owner calls them; None = nothing
    """

    pixels: np.ndarray
    labels: np.ndarray
    source: str
    classes: tuple[str, ...]
    coarse: np.ndarray | None = None
    coarse_classes: tuple[str, ...] = ()
    ids: np.ndarray | None = None
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
        ids = None if self.ids is None else self.ids[rows]
        return with_known_digests(
            replace(self, pixels=self.pixels[rows], labels=self.labels[rows], coarse=coarse, ids=ids), self, rows
        )

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
        return of_classes(self, which)

    @once("_fingerprints_kept")
    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each picture with its label, (n,) dtype S16; coarse labels do not count."""
        return digests_of(self.pixels, self.labels)

    def arrays(self) -> Self:
        """Return the records themselves: they are plain arrays already."""
        return self


@input_digests.register
@once("_input_digests_kept")
def _(records: ImageRecords) -> np.ndarray:
    return pixel_digests(records.pixels)


def pixel_digests(pixels: np.ndarray) -> np.ndarray:
    """Digest pictures as a network sees them, (n,) dtype S16: a level k of uint8 is the same as k / 255."""
    if pixels.dtype == np.uint8:
        return digests_of(pixels)
    levels = np.rint(pixels * 255).clip(0, 255).astype(np.uint8)
    whole = (levels / np.float32(255) == pixels).all(axis=(1, 2, 3))
    return np.where(whole, digests_of(levels), digests_of(pixels))


@dataclass(frozen=True, eq=False, kw_only=True)
class ReadImages(Loaded[ImageRecords]):
    """What was read: distinct pictures, and what became of the rest."""

    def labelled(self, labels: str) -> Self:
        """Return the same with the pictures under the labels named, fine or coarse.

        Raises InputError where all are of one class.
        """
        if labels == "fine":
            return self
        records = self.records.with_coarse_labels()
        require_labels(records)
        return replace(self, records=records)


def distinct(
    pixels: np.ndarray,
    labels: np.ndarray,
    source: str,
    classes: tuple[str, ...],
    invalid: tuple[InvalidRecord, ...] = (),
    coarse: np.ndarray | None = None,
    coarse_classes: tuple[str, ...] = (),
    files: Sequence[Path] = (),
    told: tuple[str, ...] = (),
    ids: np.ndarray | None = None,
) -> ReadImages:
    """Keep the first of equal pictures, whatever their labels; shapes as in `ImageRecords`.

    files: of the pictures, where each has one of its own; told: what else a reader has to say; ids: what their owner
    calls them. Raises InputError where all are of one class.
    """
    second = None if coarse is None else coarse.astype(np.int64)
    records = ImageRecords(pixels, labels.astype(np.int64), source, classes, second, coarse_classes, ids)
    first = earliest(digests_of(pixels))
    repeated = np.flatnonzero(first != np.arange(len(first)))
    kept = records.take(first == np.arange(len(first))) if len(repeated) else records
    require_labels(kept)
    differs = records.labels != records.labels[first]
    return ReadImages(
        records=kept,
        lines=len(records) + len(invalid),
        duplicates=len(repeated),
        conflicts=int(differs.sum()),
        invalid=invalid,
        dropped=repeats(files, first, differs) if files else (),
        told=told,
    )


def repeats(
    files: Sequence[Path], first: np.ndarray, differs: np.ndarray, how: str = ReadImages.differing
) -> tuple[InvalidRecord, ...]:
    """List pictures that equal an earlier one; first: (files,) its position, differs: (files,) whether `how` holds."""
    return tuple(
        InvalidRecord(files[row], f"the same picture as {files[first[row]]}" + (f", {how}" if differs[row] else ""))
        for row in np.flatnonzero(first != np.arange(len(first))).tolist()
    )


def require_labelling(labels: str) -> None:
    """Raise InputError unless `labels` names one of the two labellings, fine or coarse."""
    choice("dataset.labels", labels, ("fine", "coarse"), expected="expected fine or coarse")
