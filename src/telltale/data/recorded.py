"""Points of which only answers are known: what stands for records where nothing but scores was handed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from telltale.data.digests import as_digests, once, with_known_digests
from telltale.data.records import input_digests


@dataclass(frozen=True, eq=False)
class RecordedPoints:
    """An ordered set of n points whose answers lie in a table, each in its own column.

    columns   (n,) int64, where the answers about each lie
    source    the file or data set, as printed beside every figure
    labels    (n,) int64, the class of each; of real-valued targets (n,) float64; None = not known
    classes   names of the classes
    ids       (n,) what its owner calls each point; None = its column
    features  (n, width) float32, what the records themselves are, as numbers; None = not known
    held      whether these are held-out records of a second table, the population
    queries   how often each was asked
    query     which of these answers is meant
    """

    columns: np.ndarray
    source: str
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    ids: np.ndarray | None = None
    features: np.ndarray | None = None
    held: bool = False
    queries: int = 1
    query: int = 0
    kind: str = field(default="table", init=False)

    def __len__(self) -> int:
        """Count the points."""
        return len(self.columns)

    def take(self, rows: np.ndarray) -> Self:
        """Return the points at `rows`, in that order."""
        labels, ids, features = (
            None if column is None else column[rows] for column in (self.labels, self.ids, self.features)
        )
        return with_known_digests(
            replace(self, columns=self.columns[rows], labels=labels, ids=ids, features=features), self, rows
        )

    @once("_fingerprints_kept")
    def fingerprints(self) -> np.ndarray:
        """Return a digest of each point's name, (n,) dtype S16: nothing else is known of it."""
        names = self.columns if self.ids is None else self.ids
        from hashlib import blake2b

        side = "held" if self.held else "point"
        return as_digests(blake2b(f"{side} {name}".encode(), digest_size=16).digest() for name in names.tolist())

    def arrays(self) -> Self:
        """Return the points themselves: there is nothing that a model could be fed."""
        return self

    def inputs(self) -> np.ndarray:
        """Return what is known of each point, features and label: (n, width + 1) float32. ValueError if nothing."""
        if self.features is None:
            raise ValueError("nothing is known of these points")
        labels = () if self.labels is None else (self.labels[:, None],)
        return np.concatenate([self.features, *labels], 1, dtype=np.float32)

    def each_query(self) -> Iterator[Self]:
        """Yield the same points for each time they were asked."""
        for query in range(self.queries):
            yield replace(self, query=query)


@input_digests.register
def _(records: RecordedPoints) -> np.ndarray:
    return records.fingerprints()
