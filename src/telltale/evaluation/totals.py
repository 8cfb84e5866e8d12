"""Sums of a table of groups and clusters, at hand or made one group at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rows:
    """A table (victims, clusters, …) of which only one victim's row is made at a time: `row` makes it."""

    shape: tuple[int, ...]
    row: Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Totals:
    """Sums of a table (groups, clusters, …): of all of it (…), over groups (clusters, …), over clusters (groups, …)."""

    all: np.ndarray
    of_clusters: np.ndarray
    of_groups: np.ndarray

    @classmethod
    def of(cls, by_group: np.ndarray) -> Totals:
        """Sum a table that is at hand."""
        return cls(by_group.sum(axis=(0, 1)), by_group.sum(axis=0), by_group.sum(axis=1))


class Stream:
    """The same of a table (groups, clusters, items) that comes one group at a time, in the same order of additions."""

    def __init__(self) -> None:
        self._of_groups: list[np.ndarray] = []
        self._all = self._of_clusters = np.empty(0)

    def add(self, part: np.ndarray) -> None:
        """Take one group more, (clusters, items)."""
        self._of_groups.append(part.sum(axis=0))
        first = len(self._of_groups) == 1
        self._all = self._of_groups[0] if first else np.concatenate([self._all[None], part]).sum(axis=0)
        self._of_clusters = part if first else self._of_clusters + part

    def totals(self) -> Totals:
        """Return them."""
        return Totals(self._all, self._of_clusters, np.stack(self._of_groups))
