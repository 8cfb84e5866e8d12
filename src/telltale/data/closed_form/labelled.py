"""What the closed-form worlds share: fair coins for labels, and the table they are kept in."""

from __future__ import annotations

import numpy as np

from telltale.data.tables.records import Column, ReadTable, TableRecords, distinct

CLASSES = ("minus", "plus")


def with_random_labels(features: np.ndarray, rng: np.random.Generator, source: str) -> ReadTable:
    """Flip a fair coin for the class of each row of features (n, width) float32."""
    labels = rng.integers(2, size=len(features))
    columns = tuple(Column(f"x{place}", "numeric", place, place + 1) for place in range(features.shape[1]))
    return distinct(TableRecords(features, labels, source, CLASSES, columns))
