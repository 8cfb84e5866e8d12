"""Capacity abuse: made-up inputs whose labels are the payload, learned beside the task (Song et al., section 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar

import numpy as np

from telltale.attacks.weight_encoding.encoding import Encoding, Layout, Reading
from telltale.data.images.records import ImageRecords
from telltale.data.records import Records
from telltale.errors import InputError
from telltale.owner.defense import Stage
from telltale.owner.release import Release

GREYS, LEAST_CLASSES, HALVES = 16, 9, 2  # a pixel in 4 bits is the sum of two labels of at most 8


@dataclass(frozen=True)
class CapacityAbuse(Encoding):
    """Adds 2 inputs a pixel t: their labels are floor(p/2) and p - floor(p/2), p = floor(t/16).

    One picture, unless the payload says how many. Unlike the paper's, an epoch goes over clean and made-up records
    together, once.
    """

    stage: ClassVar[Stage] = "data"
    access: ClassVar[frozenset[str]] = frozenset({"labels"})

    def check(self, recipe: Any) -> None:
        """Refuse a task with too few classes for a pixel."""
        model = recipe.initial().model
        self.payload.check(tuple(model.backbone.shape))
        classes = model.head.out_features
        if classes < LEAST_CLASSES:
            expected = f"correlated, sign or lsb: capacity needs {LEAST_CLASSES} classes, the data has {classes}"
            raise InputError("attack.method", "capacity", expected)

    def fitting(self, objective: Any) -> int:
        """Count the pictures that are hidden: no network is too small to try."""
        return self.payload.images or 1

    def records(self, records: Any, seed: int) -> Records:
        """Append the made-up inputs with their labels."""
        ordered = records.take(np.argsort(records.fingerprints(), kind="stable"))
        pictures = self.payload.pictures(ordered.take(self.hides(None, ordered)))
        labels = labels_of(self.payload.values(pictures))
        added = made_up(len(labels) // HALVES, prod(self.payload.shape(records.shape)), records.shape)
        clean = records.pixels.astype(np.float32) / (255 if records.pixels.dtype == np.uint8 else 1)
        pixels, classes = np.concatenate([clean, added]), np.concatenate([records.labels, labels])
        return replace(records, pixels=pixels, labels=classes, coarse=None, coarse_classes=(), ids=None)

    def read(self, release: Release, layout: Layout) -> Reading:
        """Ask for the labels of the made-up inputs."""
        inputs = made_up(layout.values, layout.picture_values, layout.record_shape)
        unlabelled = ImageRecords(inputs, np.zeros(len(inputs), np.int64), "made up", ("unknown",))
        return Reading({"labels": layout.arranged(values_of(release.labels(unlabelled)))})


def labels_of(values: np.ndarray) -> np.ndarray:
    """Turn pixels 0 to 255 into labels, two each: (values,) -> (2 values,) int64."""
    grey = (np.clip(values, 0, 255) // (256 // GREYS)).astype(np.int64)
    return np.stack([grey // HALVES, grey - grey // HALVES], 1).ravel()


def values_of(labels: np.ndarray) -> np.ndarray:
    """Put two labels a pixel together again: (2 values,) -> (values,), 0 to 255."""
    return np.minimum(labels.reshape(-1, HALVES).sum(1) * (256 // GREYS), 255).astype(np.float64)


def made_up(values: int, picture: int, shape: tuple[int, ...]) -> np.ndarray:
    """Make the inputs for `values` pixels, two each, without any data: (2 values, *shape) float32.

    Picture j, pixel i, half k: all zero but, in channel j mod c, floor(j/c) + 1 at position i and k + 1 at the next.
    """
    pixel, half = np.divmod(np.arange(HALVES * values), HALVES)
    j, i = np.divmod(pixel, picture)
    channels, positions = shape[0], prod(shape[1:])
    inputs = np.zeros((HALVES * values, channels, positions), np.float32)
    rows, place = np.arange(len(inputs)), i % positions
    channel = (j + i // positions) % channels
    inputs[rows, channel, place] = j // channels + 1
    inputs[rows, channel, (place + 1) % positions] = half + 1
    return inputs.reshape(-1, *shape)
