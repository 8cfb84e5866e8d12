"""One number with its interval, and linear combinations of such numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from telltale.evaluation.variance import (
    CONFIDENCE,
    finite_or_none,
    least_ends,
    students_quantile,
    two_way_variance,
    variance,
    where_finite,
)


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
    rarer       distinct records of the side that has fewest, of a mean over either side: what its interval reaches at
                least near a limit (`least_ends`)

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
    rarer: int | None = None

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
        least = least_ends(self.value, self.limits, self.rarer, spread=self.standard_error)[(side + 1) // 2]
        if least != self.value and not math.isnan(end):
            end = side * max(side * end, side * least)
        return float(np.clip(end, *self.limits))

    def __repr__(self) -> str:
        """Return value and interval, without the replicates.

        >>> Estimate(0.6, np.linspace(0.5, 0.7, 1001), n=100)
        Estimate(0.600 [0.505, 0.695], n=100)
        """
        ends = "" if math.isnan(self.low) else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"Estimate({self.value:.3f}{ends}, n={self.n:,}{f', note={self.note!r}' if self.note else ''})"

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
