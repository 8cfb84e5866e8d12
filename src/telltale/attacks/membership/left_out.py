"""What is summed over all models but a few, for each of many such few: time grows with the models, not their square.

Models are added up in a tree over their places. A sum without some of them takes the same tree, with their places
empty: what is left out enters neither the sum nor its rounding, and many sums have most of their branches in common.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Additions:
    """Which sums are formed of which, each once.

    parts     how many there are
    steps     places of what is added to what, (additions,) twice; a step needs only what earlier ones have made
    results   of each set left out, the place of its sum: parts stand first, then sums in their order
    """

    parts: int
    steps: tuple[tuple[np.ndarray, np.ndarray], ...]
    results: np.ndarray

    @classmethod
    def of(cls, parts: int, outs: Sequence[tuple[int, ...]]) -> Self:
        """Plan the sums of all parts but those in each of `outs`, ascending; raises ValueError where nothing is left.

        >>> plan = Additions.of(4, [(), (0,), (1, 3)])
        >>> plan.run([np.array([1, 2, 4, 8])], lambda one, other: (one[0] + other[0],))[0]
        array([15, 14,  5])
        """
        tree = _Tree(parts)
        results = np.array([tree.place(0, parts, out) for out in outs], int)
        if parts == 0 or (results < 0).any():
            raise ValueError("nothing is left to be summed")
        depths = np.array(tree.depths, int)
        order = np.argsort(depths, kind="stable")  # parts, of depth 0, stay first
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        pairs = rank[np.array(tree.pairs, int).reshape(-1, 2)][order[parts:] - parts]
        cuts = np.searchsorted(depths[order[parts:]], np.arange(2, depths.max() + 1))
        steps = tuple((step[:, 0], step[:, 1]) for step in np.split(pairs, cuts) if len(step))
        return cls(parts, steps, rank[results])

    def run(self, parts: Sequence[np.ndarray], merge: Callable[[Arrays, Arrays], Arrays]) -> list[np.ndarray]:
        """Form the sums of several arrays (parts, …), which `merge` adds up many at a time: each (outs, …)."""
        number = self.parts + sum(len(left) for left, _ in self.steps)
        held = [np.empty((number, *part.shape[1:]), part.dtype) for part in parts]
        for all_of, part in zip(held, parts, strict=True):
            all_of[: self.parts] = part
        filled = self.parts
        for left, right in self.steps:
            made = merge(tuple(of[left] for of in held), tuple(of[right] for of in held))
            for all_of, new in zip(held, made, strict=True):
                all_of[filled : filled + len(left)] = new
            filled += len(left)
        return [all_of[self.results] for all_of in held]


class _Tree:
    """Sums over halves of halves of the parts: each named by its range and by what is left out of it."""

    def __init__(self, parts: int) -> None:
        self.depths = [0] * parts
        self.pairs: list[tuple[int, int]] = []
        self._made: dict[tuple[int, int, tuple[int, ...]], int] = {}

    def place(self, low: int, high: int, out: tuple[int, ...]) -> int:
        """Return where the sum of the parts from `low` to before `high` stands, but for `out`; -1 = none is left."""
        if len(out) == high - low:
            return -1
        if high - low == 1:
            return low
        if (place := self._made.get((low, high, out))) is not None:
            return place
        middle = (low + high) // 2
        cut = bisect_left(out, middle)
        left, right = self.place(low, middle, out[:cut]), self.place(middle, high, out[cut:])
        if min(left, right) < 0:
            place = max(left, right)
        else:
            place = len(self.depths)
            self.depths.append(1 + max(self.depths[left], self.depths[right]))
            self.pairs.append((left, right))
        self._made[low, high, out] = place
        return place
