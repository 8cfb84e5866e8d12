"""From one number a seed to a mean with its 95 % interval: Student's t on the seeds' own values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from telltale.papers.results import Measured

LEVEL = 0.025  # one-sided: an interval of 95 % leaves as much on either side


@dataclass(frozen=True)
class Mean:
    """A mean over seeds with its interval, value ± t(degrees) · standard_error.

    standard_error  spread between seeds / √seeds; NaN for one seed
    degrees         Student's degrees of freedom: seeds − 1
    run             of one seed alone: the interval that its run has, which says nothing of other seeds
    cautions        why the figures behind it decide nothing, if so
    missing         which result is not there, if so; the value is NaN then
    """

    value: float
    standard_error: float = np.nan
    degrees: int = 0
    run: tuple[float, float] = (np.nan, np.nan)
    cautions: tuple[str, ...] = ()
    missing: str = ""

    @property
    def cell(self) -> tuple[float, float, float]:
        """Value, low and high."""
        from scipy.special import stdtrit

        if self.degrees < 1:
            return (self.value, *self.run)
        half = float(stdtrit(self.degrees, 1 - LEVEL)) * self.standard_error
        return self.value, self.value - half, self.value + half

    def p_above(self, bound: float) -> float:
        """One-sided p of "no more than `bound`": at most 0.025 where the interval lies above it; NaN for one seed.

        >>> mean = Mean(1.0, 0.5, 4)
        >>> round(mean.p_above(0.0), 4), round(mean.p_below(0.0), 4)
        (0.0581, 0.9419)
        """
        return self._tail(self.value - bound)

    def p_below(self, bound: float) -> float:
        """One-sided p of "no less than `bound`"; NaN for one seed."""
        return self._tail(bound - self.value)

    def _tail(self, distance: float) -> float:
        from scipy.special import stdtr

        if self.degrees < 1 or not np.isfinite(distance):
            return np.nan
        if self.standard_error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(stdtr(self.degrees, -distance / self.standard_error))


def over_seeds(values: Sequence[Measured]) -> Mean:
    """Average one number a seed; Student's t with seeds − 1 degrees of freedom.

    A seed deals the records out, draws the models and trains them anew, so its number carries the spread of all of it:
    that of points and victims within a run is inside the spread between seeds already, whatever the ratio of the two.
    `scripts/seeds_coverage.py` shows that nothing that mixes the two in keeps its 95 % and is shorter. The interval
    speaks of other deals of the same data set, not of other data.
    """
    numbers = np.array([value.value for value in values])
    cautions = tuple(dict.fromkeys(caution for value in values for caution in value.cautions))
    if len(numbers) == 1:
        return Mean(float(numbers[0]), run=(values[0].low, values[0].high), cautions=cautions)
    if np.ptp(numbers) == 0:  # exactly: the mean of equal numbers need not be that number
        return Mean(float(numbers[0]), 0.0, len(numbers) - 1, cautions=cautions)
    error = float(numbers.std(ddof=1) / np.sqrt(len(numbers)))
    return Mean(float(numbers.mean()), error, len(numbers) - 1, cautions=cautions)
