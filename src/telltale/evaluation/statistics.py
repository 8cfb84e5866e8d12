"""Numbers with intervals, and the bootstrap plan they share.

Everything a run compares is measured on the same `Resampling`, so that differences are paired.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from telltale.evaluation.estimate import Estimate as Estimate
from telltale.evaluation.totals import Rows, Stream, Totals
from telltale.evaluation.variance import CONFIDENCE
from telltale.evaluation.weights import draws, draws_of_cells

KEPT = 2**28  # bytes of cells' draws that a plan remembers; larger ones are drawn again each time


@dataclass(frozen=True)
class Resampling:
    """A cluster bootstrap drawn once: how often each cluster appears in each replicate.

    A cluster is what is drawn as a whole: a template with all its candidates, or a challenge point. Several victims
    that meet the same clusters make three bootstraps, of groups of victims, of clusters and of cells (what a group's
    victims say of one cluster); `two_way_variance` puts them together. One group is a bootstrap of clusters alone.

    cluster_draws  (B, clusters), the same for every victim
    group_of       (victims,) the group of each victim, 0, 1, …: a victim alone, or a pair whose members complement
                   each other, in which what is common to a point cancels
    group_draws    (B, groups); None where there is one group
    seed           of the draws of cells
    drawn_with     (clusters,) which clusters are drawn as one: points of one person; None = each for itself
    """

    cluster_draws: np.ndarray = field(repr=False)
    group_of: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=int), repr=False)
    group_draws: np.ndarray | None = field(default=None, repr=False)
    seed: int = 0
    drawn_with: np.ndarray | None = field(default=None, repr=False)
    _kept: dict[int, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    _weights: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def over(cls, clusters: int, replicates: int = 1000, *, seed: int) -> Resampling:
        """Draw clusters with replacement, as many as there are: one victim.

        >>> Resampling.over(4, replicates=3, seed=0).cluster_draws
        array([[0, 1, 2, 1],
               [3, 1, 0, 0],
               [1, 0, 1, 2]], dtype=uint16)
        """
        return cls(draws(np.random.default_rng(seed), clusters, replicates))

    @classmethod
    def crossed(
        cls,
        victims: int,
        clusters: int,
        replicates: int = 1000,
        *,
        seed: int,
        groups: np.ndarray | None = None,
        drawn_with: np.ndarray | None = None,
    ) -> Resampling:
        """Draw groups of victims, clusters, and cells, each for itself; groups: (victims,), each alone if None.

        drawn_with: (clusters,) unit of each cluster, 0, 1, …, drawn as a whole.
        """
        group_of = np.arange(victims) if groups is None else np.asarray(groups)
        rng, number = np.random.default_rng(seed), int(group_of.max()) + 1
        group_draws = draws(rng, number, replicates) if number > 1 else None
        if drawn_with is None:
            return cls(draws(rng, clusters, replicates), group_of, group_draws, seed)
        units = draws(rng, int(drawn_with.max()) + 1, replicates)
        return cls(units[:, drawn_with], group_of, group_draws, seed, drawn_with)

    @cached_property
    def key(self) -> str:
        """Digest of the draws: equal plans pair, others do not."""
        digest = hashlib.blake2b(np.int64(self.seed).tobytes(), digest_size=8)
        for drawn in (self.cluster_draws, self.group_draws, self.group_of, self.drawn_with):
            if drawn is not None:
                digest.update(np.array(drawn.shape, dtype=np.int64).tobytes())
                digest.update(np.ascontiguousarray(drawn).tobytes())
        return digest.hexdigest()

    @property
    def replicates(self) -> int:
        """Number of bootstrap replicates of each component."""
        return self.cluster_draws.shape[0]

    @property
    def clusters(self) -> int:
        """Number of clusters of each victim."""
        return self.cluster_draws.shape[1]

    @property
    def victims(self) -> int:
        """Number of victims."""
        return len(self.group_of)

    @property
    def groups(self) -> int:
        """Number of groups of victims."""
        return 1 if self.group_draws is None else self.group_draws.shape[1]

    @property
    def components(self) -> int:
        """Number of bootstraps: 3, or 1 where there is one group of victims."""
        return 1 if self.group_draws is None else 3

    @property
    def degrees(self) -> float:
        """Student's degrees of freedom."""
        return self.groups - 1 if self.groups > 1 else math.inf

    def cells(self, group: int) -> np.ndarray:
        """Return how often each cluster of a group is drawn where cells are, (B, clusters): each group its own."""
        if group not in self._kept:
            units = self.clusters if self.drawn_with is None else int(self.drawn_with.max()) + 1
            drawn = draws_of_cells(np.random.default_rng([self.seed, group]), units, self.replicates)
            drawn = drawn if self.drawn_with is None else drawn[:, self.drawn_with]
            if self.groups * drawn.nbytes > KEPT:
                return drawn
            self._kept[group] = drawn
        return self._kept[group]

    def of_victim(self, victim: int, index: np.ndarray) -> np.ndarray:
        """Return the weight of each item of one victim, (rows, items); index: (items,) cluster of each item.

        Row 0 is ones, then B rows of clusters' draws and, where there are several groups, B of cells'. Draws of
        groups leave a victim as it is: `average` makes theirs.
        """
        drawn = [self.cluster_draws] + ([self.cells(int(self.group_of[victim]))] if self.components == 3 else [])
        rows = [weights.astype(np.float32)[:, index] for weights in drawn]
        return np.concatenate([np.ones((1, len(index)), np.float32), *rows])

    def mean_of_first(self, victim: int, values: np.ndarray) -> np.ndarray:
        """Return the mean over one victim's first clusters, an item each: (items,) to (rows of `of_victim`,).

        The weights are remembered: many metrics are averages over the same items.
        """
        drawn, sums = self._weights.get((victim, len(values))) or self._of_first(victim, len(values))
        return (drawn @ values) / sums

    def _of_first(self, victim: int, items: int) -> tuple[np.ndarray, np.ndarray]:
        drawn = self.of_victim(victim, np.arange(items))
        weights = drawn.astype(np.float64, order="C"), np.maximum(drawn.sum(1), 1)
        if self.victims * weights[0].nbytes <= KEPT // 4:
            self._weights[victim, items] = weights
        return weights

    def of_clusters(self, victim: int) -> np.ndarray:
        """Return the weight of each cluster of one victim, (rows, clusters): as `of_victim` of an item a cluster."""
        return self.of_victim(victim, np.arange(self.clusters))

    def average(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over victims, (victims, rows of `of_victim`) to (1 + components B,), NaN skipped."""
        known = np.isfinite(values)
        plain = ratio_or_nan(np.where(known, values, 0).sum(axis=0), known.sum(axis=0))
        if self.group_draws is None:
            return plain
        of_data, shares = np.where(known[:, 0], values[:, 0], 0), self.group_draws[:, self.group_of].astype(float)
        of_groups = ratio_or_nan(shares @ of_data, shares @ known[:, 0].astype(float))
        return np.concatenate([plain[:1], of_groups, plain[1:]])

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return weighted sums over all victims and clusters, (victims, clusters, …) to (1 + components B, …)."""
        return self.sums_of([values])[0]

    def sums_of(self, tables: Sequence[np.ndarray | Rows]) -> list[np.ndarray]:
        """Return `sums` of several tables, for which each draw of cells is made ready once."""
        totals = [Totals.of(self._by_group(values)) if isinstance(values, np.ndarray) else None for values in tables]
        streams = [Stream() for _ in tables]
        cells = [np.zeros((self.replicates, *values.shape[2:])) for values in tables]
        for group, *parts in zip(range(self.groups), *map(self._groups, tables), strict=True):
            drawn = None if self.group_draws is None else self.cells(group).astype(np.float32)
            for known, stream, of_cells, part in zip(totals, streams, cells, parts, strict=True):
                if known is None:
                    stream.add(part)
                if drawn is not None:
                    of_cells += np.tensordot(drawn, part.astype(np.float32), axes=1)
        found = [stream.totals() if known is None else known for known, stream in zip(totals, streams, strict=True)]
        return [self._rows(of, of_cells) for of, of_cells in zip(found, cells, strict=True)]

    def _rows(self, totals: Totals, of_cells: np.ndarray) -> np.ndarray:
        rows = [totals.all[None]]
        if self.group_draws is not None:
            rows.append(np.tensordot(self.group_draws.astype(float), totals.of_groups, axes=1))
        rows.append(np.tensordot(self.cluster_draws.astype(float), totals.of_clusters, axes=1))
        return np.concatenate([*rows, of_cells] if self.group_draws is not None else rows)

    def _groups(self, values: np.ndarray | Rows) -> Iterator[np.ndarray]:
        """Yield what each group's victims add up to, (clusters, …): of `Rows` one at a time is in memory."""
        rows = values.row if isinstance(values, Rows) else values.__getitem__
        for group in range(self.groups):
            total = np.zeros(values.shape[1:])
            for victim in np.flatnonzero(self.group_of == group):
                total += rows(int(victim))
            yield total

    def _by_group(self, values: np.ndarray) -> np.ndarray:
        """Add up the victims of each group: (victims, …) to (groups, …)."""
        return np.stack([*self._groups(values)])

    def estimate(
        self,
        values: np.ndarray,
        n: int,
        note: str = "",
        distinct: int | None = None,
        limits: tuple[float, float] = (-math.inf, math.inf),
        rarer: int | None = None,
    ) -> Estimate:
        """Return (1 + components B,) values, row 0 the data as it is, as an `Estimate` of this plan."""
        replicates = values[1:].reshape(self.components, -1)
        return Estimate(float(values[0]), replicates, int(n), note, self.key, self.degrees, distinct, limits, rarer)

    def rarer(self, side: np.ndarray, counted: np.ndarray | None = None) -> int:
        """Count what is drawn as one on the side that has less of it: (victims, clusters) bool; counted: None = all."""
        units = np.arange(self.clusters) if self.drawn_with is None else self.drawn_with
        sides = (side, ~side) if counted is None else (side & counted, ~side & counted)
        return min(len(np.unique(units[of.any(axis=0)])) for of in sides)


def groups_of(membership: np.ndarray, counted: np.ndarray | None = None) -> np.ndarray:
    """Return the group of each victim by (victims, points) membership: victims 2i and 2i + 1 are one if complementary.

    counted: (victims, points) bool, the points that both have to be complementary in; None = in all.

    >>> groups_of(np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0]], dtype=bool))
    array([0, 0, 1])
    """
    begins = np.ones(len(membership), dtype=int)
    for second in range(1, len(membership), 2):
        both = slice(None) if counted is None else counted[second] & counted[second - 1]
        begins[second] = not np.array_equal(membership[second][both], ~membership[second - 1][both])
    return np.cumsum(begins) - 1


@dataclass(frozen=True)
class Band:
    """A curve with its pointwise 95 % interval: x, value, low, high are all (points,)."""

    x: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, estimates: list[Estimate]) -> Band:
        """Make a band of one estimate for each x."""
        columns = ([getattr(e, name) for e in estimates] for name in ("value", "low", "high"))
        return cls(np.asarray(x, dtype=float), *(np.asarray(column, dtype=float) for column in columns))


def clopper_pearson(successes: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact binomial interval (Clopper, Pearson 1934); only for independent decisions.

    >>> [round(end, 4) for end in clopper_pearson(8, 10)]
    [0.4439, 0.9748]
    """
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = betaincinv(successes, n - successes + 1, tail) if successes > 0 else 0.0
    high = betaincinv(successes + 1, n - successes, 1 - tail) if successes < n else 1.0
    return float(low), float(high)


def ratio_or_nan(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide where `below` is above 0; NaN elsewhere.

    >>> ratio_or_nan(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
