"""How far a number may be from the truth: variances from replicates, and Student's quantiles and p-values."""

from __future__ import annotations

import math

import numpy as np

CONFIDENCE = 0.95


def two_way_variance(groups: float, points: float, cells: float, degrees: float) -> float:
    """Return the variance of a number that groups of victims and points both shape, from three bootstraps.

    V = G / (G - 1) V_groups + V_points - V_cells, G = degrees + 1: groups and points each count the noise of a cell
    (a group's answers about one point) once, so that one of both is taken off (Cameron, Gelbach, Miller 2011,
    doi 10.1198/jbes.2010.07136). Never below the smaller of the first two that is above 0.
    """
    groups *= 1 + 1 / degrees
    floor = min((spread for spread in (groups, points, cells)[:2] if spread > 0), default=cells)
    return math.nan if math.isnan(groups + points + cells) else max(groups + points - cells, floor)


def variance(replicates: np.ndarray) -> float:
    """Return the variance of (B,) replicates; NaN if fewer than half are finite.

    >>> variance(np.array([1.0, 2.0, 3.0, np.nan]))
    1.0
    """
    finite = where_finite(replicates)
    return float(finite.var(ddof=1)) if len(finite) > 1 else math.nan


def students_quantile(degrees: float, confidence: float = CONFIDENCE) -> float:
    """Return how many standard errors the two-sided interval reaches.

    >>> round(students_quantile(1), 1), round(students_quantile(9), 2), round(students_quantile(math.inf), 2)
    (12.7, 2.26, 1.96)
    """
    from scipy.special import ndtri, stdtrit

    share = (1 + confidence) / 2
    return float(ndtri(share) if math.isinf(degrees) else stdtrit(degrees, share))


def reach_from_limit(records: int, tests: int = 1) -> float:
    """Return how much of a mean within [0, 1] so many records may miss that all say 1, at 97.5 %.

    The exact binomial's lower end of n of n (Clopper, Pearson 1934), 1 - 0.025^(1 / n): of all laws of that mean the
    one of 0 and 1 is missed most easily. An AUC is such a mean over the records of either side. tests: intervals that
    are to hold together.

    >>> [round(reach_from_limit(n), 3) for n in (1, 10, 40, 1000)]
    [0.975, 0.308, 0.088, 0.004]
    """
    return 1 - float(((1 - CONFIDENCE) / 2 / tests) ** (1 / records))


def least_ends(
    value: float, limits: tuple[float, float], records: int | None, tests: int = 1, spread: float = 1.0
) -> tuple[float, float]:
    """Return the ends that the interval of a mean within limits over so many records reaches at least.

    At a limit no draw of the records differs, so that a bootstrap has no width: there it is `reach_from_limit`, and
    within one record's worth of it as much less as that is off, since draws know of that record alone. spread: of the
    bootstrap; where there is none the limit itself is within the interval, too.

    >>> least_ends(1.0, (0.0, 1.0), 40)[0] == 1 - reach_from_limit(40), least_ends(0.9, (0.0, 1.0), 40)
    (True, (0.9, 0.9))
    """
    low, high = limits
    width = high - low
    if not records or not math.isfinite(width + value):
        return value, value

    below, above = (max(0.0, records * distance / width) for distance in (value - low, high - value))
    reach = reach_from_limit(records, tests) * width
    least = low if below < 1 and not spread else value - reach * max(0.0, 1 - above)
    most = high if above < 1 and not spread else value + reach * max(0.0, 1 - below)
    return least, most


def finite_or_none(number: float) -> float | None:
    """Return the number as strict JSON can hold it."""
    return float(number) if math.isfinite(number) else None


def where_finite(replicates: np.ndarray) -> np.ndarray:
    """Return the finite ones; none of them if they are fewer than half."""
    finite = replicates[np.isfinite(replicates)]
    return finite if 2 * len(finite) >= len(replicates) else finite[:0]


def students_p(value: float, standard_error: float, degrees: float) -> float:
    """Return the two-sided p-value of "it is 0"; 1 where nothing varies and nothing differs.

    >>> round(students_p(0.2, 0.1, degrees=9), 3), round(students_p(0.2, 0.1, degrees=math.inf), 3)
    (0.077, 0.046)
    """
    from scipy.special import ndtr, stdtr

    if not math.isfinite(standard_error):
        return math.nan
    if standard_error == 0:
        return 1.0 if value == 0 else 0.0
    t = -abs(value) / standard_error
    return float(2 * (ndtr(t) if math.isinf(degrees) else stdtr(degrees, t)))
