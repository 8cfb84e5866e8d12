"""What is summed over all models but a few, for each of many such few: time grows with the models, not their square.

Sums run from the left and from the right, and what lies left of a model is merged with what lies right of it. The model
itself is in neither, so that it does not even enter the rounding, as it would where its part was taken off a whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Self, TypeVar

import numpy as np

Sum = TypeVar("Sum")


def left_out(
    parts: Sequence[Sum], outs: Sequence[tuple[int, ...]], merge: Callable[[Sum, Sum], Sum]
) -> Iterator[tuple[int, Sum]]:
    """Yield the place in `outs` and the sum of all parts but those named there: none, one, or a pair (first, second).

    `merge` adds two sums. Pairs cost least where many of them share their second part. Order of yields: by second.

    >>> sorted(left_out([1, 2, 4, 8], [(), (0,), (1, 3), (3, 1)], int.__add__))
    [(0, 15), (1, 14), (2, 5), (3, 5)]
    """

    def added(left: Sum | None, right: Sum | None) -> Sum | None:
        return merge(left, right) if left is not None and right is not None else right if left is None else left

    before: list[Sum | None] = [None]  # before[i]: sum of parts[:i]
    for part in parts:
        before.append(added(before[-1], part))
    after: list[Sum | None] = [None]  # once turned, after[i]: sum of parts[i:]
    for part in reversed(parts):
        after.append(added(part, after[-1]))
    after.reverse()
    by_second: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, out in enumerate(outs):
        if len(out) == 2:
            by_second[out[1]][out[0]].append(place)
            continue
        found = added(before[out[0]], after[out[0] + 1]) if out else before[-1]
        if found is not None:
            yield place, found
    for second, firsts in by_second.items():
        right, left = max(firsts), min(firsts)
        upwards, downwards = before[second], after[second + 1]
        for first in range(second + 1, right + 1):
            yield from (
                (place, found) for place in firsts.get(first, ()) if (found := added(upwards, after[first + 1]))
            )
            upwards = added(upwards, parts[first])
        for first in range(second - 1, left - 1, -1):
            yield from ((place, found) for place in firsts.get(first, ()) if (found := added(before[first], downwards)))
            downwards = added(parts[first], downwards)


class Moments(NamedTuple):
    """Number, mean and sum of squared deviations from it; 0 where there is none. Any shapes that fit each other."""

    number: np.ndarray
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def of_values(cls, values: np.ndarray, weight: np.ndarray) -> Self:
        """Take values (points, queries) one by one where weight (sides, points, 1) is 1, not 0: (sides, …)."""
        mean = values * weight
        return cls(weight, mean, np.zeros_like(mean))

    @classmethod
    def over_points(cls, values: np.ndarray, side: np.ndarray) -> Self:
        """Take all values (points, queries) of the points where side (points,) holds together: scalars."""
        chosen = values[side]
        mean = np.asarray(chosen.mean() if chosen.size else 0.0)
        return cls(np.asarray(float(chosen.size)), mean, np.asarray(np.square(chosen - mean).sum()))

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both together (Chan, Golub & LeVeque 1979): equal values keep a deviation of 0."""
        number = self.number + other.number
        share, apart = other.number / np.maximum(number, 1), other.mean - self.mean
        squares = self.squares + other.squares + np.square(apart) * (self.number * share)
        return Moments(number, self.mean + apart * share, squares)
