"""A measured number less what has to be exceeded, and how sure that is: what answers are made of."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Protocol

from scipy.special import stdtr, stdtrit

from telltale.evaluation.estimate import Estimate
from telltale.evaluation.variance import CONFIDENCE, least_ends

TAIL = (1 - CONFIDENCE) / 2  # of one comparison: a leak is an interval whose lower end is above


class Measured(Protocol):
    """A number with its standard error and Student's degrees of freedom, such as an `Estimate`."""

    @property
    def value(self) -> float:
        """The number."""

    @property
    def standard_error(self) -> float:
        """Its standard error; NaN where there is none."""

    @property
    def degrees(self) -> float:
        """Student's degrees of freedom; infinite where the error is normal."""


@dataclass(frozen=True)
class Difference:
    """A measured number less what has to be exceeded; limits, rarer: of an `Estimate` that is shown."""

    value: float
    standard_error: float
    degrees: float = inf
    limits: tuple[float, float] = (-inf, inf)
    rarer: int | None = None

    @classmethod
    def shown(cls, estimate: Estimate) -> Difference:
        """Take a number as it is shown, whose interval reaches as far as few records near a limit ask for."""
        error = float(estimate.standard_error)
        return cls(float(estimate.value), error, float(estimate.degrees), estimate.limits, estimate.rarer)

    @classmethod
    def of(cls, measured: Measured, less: float = 0.0) -> Difference:
        """Take a constant off a measured number; its error stays."""
        return cls(float(measured.value) - less, float(measured.standard_error), float(measured.degrees))

    @property
    def known(self) -> bool:
        """Whether there is a number with an error."""
        return isfinite(self.value) and isfinite(self.standard_error)

    @property
    def p(self) -> float:
        """One-sided p-value: how often a difference of 0 would look as large.

        >>> round(Difference(1.96, 1.0).p, 3), round(Difference(1.96, 1.0, degrees=1).p, 3)
        (0.025, 0.15)
        """
        if self.standard_error == 0:
            return 0.0 if self.value > 0 else 1.0
        return float(stdtr(self.degrees, -self.value / self.standard_error))

    def ends(self, tests: int = 1) -> tuple[float, float]:
        """Return the 95 % interval, widened so that `tests` of them hold together.

        >>> [round(end, 2) for end in Difference(0.0, 1.0).ends()]
        [-1.96, 1.96]
        """
        half = float(stdtrit(self.degrees, 1 - TAIL / tests)) * self.standard_error
        low, high = least_ends(self.value, self.limits, self.rarer, tests, self.standard_error)
        return min(self.value - half, low), max(self.value + half, high)
