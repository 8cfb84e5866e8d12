"""Numbers with intervals, and the bootstrap plan they share.

Everything a run compares is measured on the same `Resampling`, so that differences are paired.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from telltale.evaluation.variance import (
    CONFIDENCE,
    finite_or_none,
    students_quantile,
    two_way_variance,
    variance,
    where_finite,
)
from telltale.evaluation.weights import CrossedWeights, Weights, draws


@dataclass(frozen=True)
class Estimate:
    """One measured number with its bootstrap replicates.

    value       on the data as it is
    replicates  (components, B) on resampled data, NaN where there is no value. One component: what one victim's
                clusters make of it; three: draws of groups of victims, of points, and of cells, in this order.
                (B,) is one component; empty = a number without interval
    n           records behind it
    note        what a reader must know beside the number
    plan        key of the `Resampling` that made the replicates
    degrees     Student's degrees of freedom, groups of victims - 1; inf where there is one component
    distinct    distinct points behind a rate, where `n` counts a point once for every victim
    limits      what the number cannot leave; its interval does not either

    >>> auc = Estimate(0.6, np.linspace(0.5, 0.7, 1001), n=100)
    >>> round(auc.low, 3), round(auc.high, 3)
    (0.505, 0.695)
    """

    value: float
    replicates: np.ndarray = field(repr=False)
    n: int
    note: str = ""
    plan: str = ""
    degrees: float = math.inf
    distinct: int | None = None
    limits: tuple[float, float] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        """Make one row of replicates one component."""
        replicates = np.atleast_2d(self.replicates)
        if len(replicates) not in (1, 3):
            raise ValueError(f"{len(replicates)} components of replicates instead of 1 or 3")
        object.__setattr__(self, "replicates", replicates)

    @classmethod
    def exact(cls, value: float, n: int, note: str = "") -> Estimate:
        """Return a plain number that has no interval, such as a count."""
        return cls(float(value), np.empty((1, 0)), int(n), note)

    @cached_property
    def standard_error(self) -> float:
        """Root of the variance over the components (`two_way_variance`); NaN without interval."""
        spreads = [variance(component) for component in self.replicates]
        return math.sqrt(
            spreads[0] if len(spreads) == 1 else two_way_variance(spreads[0], spreads[1], spreads[2], self.degrees)
        )

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval: Student's of three components, percentiles of one.

        NaN if fewer than half of the replicates of a component are finite.
        """
        return self._end(-1)

    @property
    def high(self) -> float:
        """Upper end of the same interval."""
        return self._end(1)

    def _end(self, side: int) -> float:
        if len(self.replicates) == 1:
            finite = where_finite(self.replicates[0])
            end = float(np.percentile(finite, 50 * (1 + side * CONFIDENCE))) if len(finite) else math.nan
        else:
            end = self.value + side * students_quantile(self.degrees) * self.standard_error
        return float(np.clip(end, *self.limits))

    def __sub__(self, other: Estimate) -> Estimate:
        """Return the paired difference by replicate; ValueError unless both share one `Resampling`.

        Two numbers that go up and down together differ by less than their intervals suggest:

        >>> target = Estimate(0.75, np.array([0.625, 0.75, 0.875]), 10)
        >>> control = Estimate(0.5, np.array([0.375, 0.5, 0.625]), 10)
        >>> (target - control).low
        0.25
        """
        return combined([self, other], [1.0, -1.0])

    def to_json(self) -> dict[str, Any]:
        """Return {"value", "low", "high", "n", "standard_error", "degrees"}, "distinct" and "note" if there are any.

        What is NaN or infinite becomes None: degrees are None where there is one component.
        """
        document: dict[str, Any] = {name: finite_or_none(getattr(self, name)) for name in ("value", "low", "high")}
        document |= {"n": self.n} | ({} if self.distinct is None else {"distinct": self.distinct})
        document |= {name: finite_or_none(getattr(self, name)) for name in ("standard_error", "degrees")}
        return document | ({"note": self.note} if self.note else {})


def combined(estimates: Sequence[Estimate], factors: Sequence[float]) -> Estimate:
    """Return a linear combination of estimates, replicate by replicate; ValueError unless they share one `Resampling`.

    Every component of it is the same combination of theirs, so that what is paired stays paired.
    """
    plans = {(estimate.plan, estimate.replicates.shape) for estimate in estimates}
    if len(plans) != 1:
        raise ValueError("a paired difference needs two estimates of the same Resampling")
    note = "; ".join(dict.fromkeys(estimate.note for estimate in estimates if estimate.note))
    distinct = [estimate.distinct for estimate in estimates if estimate.distinct is not None]
    return Estimate(
        math.fsum(factor * estimate.value for factor, estimate in zip(factors, estimates, strict=True)),
        np.tensordot(factors, np.stack([estimate.replicates for estimate in estimates]), axes=1),
        min(estimate.n for estimate in estimates),
        note,
        estimates[0].plan,
        min(estimate.degrees for estimate in estimates),
        min(distinct, default=None),
    )


@dataclass(frozen=True)
class Resampling:
    """A cluster bootstrap drawn once: how often each cluster appears in each replicate.

    A cluster is what is drawn as a whole: a template with all its candidates, or a challenge point.

    cluster_draws  (replicates, clusters)
    victim_draws   (replicates, victims) where models are resampled beside clusters that all of them share, else None
    """

    cluster_draws: np.ndarray = field(repr=False)
    victim_draws: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def over(cls, clusters: int, replicates: int = 1000, *, seed: int) -> Resampling:
        """Draw clusters with replacement, as many as there are: one victim.

        >>> Resampling.over(4, replicates=3, seed=0).weights
        array([[0, 1, 2, 1],
               [3, 1, 0, 0],
               [1, 0, 1, 2]], dtype=uint16)
        """
        return cls(draws(np.random.default_rng(seed), clusters, replicates))

    @classmethod
    def crossed(cls, seeds: int, clusters: int, replicates: int = 1000, *, seed: int) -> Resampling:
        """Draw seeds (or victims) and clusters independently; a cell's weight is the product of both.

        For victims that meet the same points or templates: an easy point is easy in all of them. The pigeonhole
        bootstrap, Owen 2007 (doi 10.1214/07-AOAS122).
        """
        rng = np.random.default_rng(seed)
        victims = draws(rng, seeds, replicates)
        return cls(draws(rng, clusters, replicates), victims)

    @cached_property
    def key(self) -> str:
        """Digest of the draws: equal plans pair, others do not."""
        digest = hashlib.blake2b(digest_size=8)
        for drawn in (self.cluster_draws, self.victim_draws):
            if drawn is not None:
                digest.update(np.array(drawn.shape, dtype=np.int64).tobytes())
                digest.update(np.ascontiguousarray(drawn).tobytes())
        return digest.hexdigest()

    @property
    def weights(self) -> np.ndarray:
        """How often each cluster is drawn: (replicates, clusters), or (replicates, victims, clusters); large."""
        if self.victim_draws is None:
            return self.cluster_draws
        return self.victim_draws[:, :, None] * self.cluster_draws[:, None, :]

    @property
    def replicates(self) -> int:
        """Number of bootstrap replicates."""
        return self.cluster_draws.shape[0]

    @property
    def clusters(self) -> int:
        """Number of clusters of each victim."""
        return self.cluster_draws.shape[-1]

    @property
    def victims(self) -> int:
        """Number of victims (or seeds): 1 for a plan over clusters only."""
        if self.victim_draws is not None:
            return self.victim_draws.shape[1]
        return self.cluster_draws.shape[1] if self.cluster_draws.ndim == 3 else 1

    @cached_property
    def shares(self) -> np.ndarray:
        """How often each victim is drawn, (1 + replicates, victims); row 0 is the data as it is."""
        if self.victim_draws is not None:
            drawn = self.victim_draws.astype(float)
        else:
            drawn = self._by_victim.sum(axis=2) / self.clusters
        return np.concatenate([np.ones((1, self.victims)), drawn])

    @property
    def _by_victim(self) -> np.ndarray:
        return self.cluster_draws.reshape(self.replicates, -1, self.clusters)

    def of_victim(self, victim: int, index: np.ndarray) -> np.ndarray:
        """Return the weight of each item of one victim, (1 + replicates, items); row 0 is ones.

        index: (items,) cluster of each item. Scaled so that each row is one resample of the clusters,
        however often the victim is drawn (`shares` says how often); a victim that is not drawn has weight
        0.
        """
        share = self.shares[1:, victim, None]
        if self.victim_draws is not None:
            drawn = (self.cluster_draws * (share > 0)).astype(np.float32)[:, index]
        else:
            drawn = (self._by_victim[:, victim] / np.maximum(share, 1)).astype(np.float32)[:, index]
        return np.concatenate([np.ones((1, len(index)), np.float32), drawn])

    def pooled(self, index: np.ndarray) -> Weights:
        """Return the weights of all victims' items, (1 + replicates, victims * items); row 0 is ones."""
        if self.victim_draws is not None:
            return CrossedWeights(_after_ones(self.victim_draws), _after_ones(self.cluster_draws[:, index]))
        return _after_ones(self._by_victim[:, :, index].reshape(self.replicates, -1))

    def average(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over victims, (victims, 1 + replicates) to (1 + replicates,), NaN skipped."""
        known = np.isfinite(values.T) & (self.shares > 0)
        total = np.where(known, self.shares * np.where(known, values.T, 0), 0).sum(axis=1)
        return ratio_or_nan(total, np.where(known, self.shares, 0).sum(axis=1))

    def estimate(self, values: np.ndarray, n: int, note: str = "") -> Estimate:
        """Return (1 + replicates,) values, row 0 the data as it is, as an `Estimate` of this plan."""
        return Estimate(float(values[0]), values[1:], int(n), note, self.key)


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
    below = np.broadcast_to(below, np.shape(above))
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _after_ones(drawn: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones((1, drawn.shape[1]), drawn.dtype), drawn])
