"""LiRA's likelihood ratio, for all points of a target at once (Carlini et al. 2022, algorithm 1 and section VI).

    online   Λ = mean over queries of  log N(φ; μ_in, σ²_in) − log N(φ; μ_out, σ²_out)
    offline  Λ = mean over queries of  −log Pr[Z ≥ φ],  Z ~ N(μ_out, σ²_out)

The tail is one-sided, as in the paper: a member's φ lies above what models without it say. (The authors' released
code, tensorflow/privacy mi_lira_2021, has a density there, which is two-sided: points that lie unusually low have the
same score as those that lie as high.)

A side is the shadows with a point, or those without it. Where φ lies on it, `centre`:

    mean              mean of the side's shadows; deviations are taken from it
    median            their median; deviations are taken from the median
    released_median   the authors' code: their median, but deviations are taken from the mean (numpy.std)

and how far it spreads, `variance`:

    per_point         one variance for each point and side: the paper's, where there are many shadows
    pooled_per_side   one a side: squared deviations from each point's own centre, averaged over all points
    pooled            one for both sides and all points: the same average over both
    released_fixed    the authors' code, `fix_variance`: the variance of all φ of all points and queries on the side
                      with the point, what lies between points included, for both sides; offline that of the side
                      without. Online it ranks as `pooled` does, where there is one query

The paper asks for one global variance where shadows are few; which of the pooled ones it means is not said there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from telltale.attacks.membership.log_normal import log_normal

VARIANCES = ("per_point", "pooled_per_side", "pooled", "released_fixed")
CENTRES = ("mean", "median", "released_median")
LEAST = 1e-30  # of a deviation, as the authors have it
BLOCK = 1024  # points: with 64 shadows half a megabyte, which stays in a core's cache


def likelihood_ratio(
    target: np.ndarray,
    shadows: np.ndarray,
    members: np.ndarray,
    online: bool = True,
    variance: str = "per_point",
    centre: str = "mean",
) -> np.ndarray:
    """Compare the target's φ with the Gaussians of shadows with and without each point: (points,).

    target: (points, queries) φ; shadows: (shadows, points, queries); members: (shadows, points) bool, in training.
    variance, centre: see the module. A point that has no shadow on a side that is needed gets NaN.

    One point, one query: shadows with it say 2 and 4, those without it -1 and 1, the target 2.

    >>> shadows, members = np.array([2.0, 4, -1, 1]).reshape(4, 1, 1), np.array([[True], [True], [False], [False]])
    >>> likelihood_ratio(np.array([[2.0]]), shadows, members)  # -(2 - 3)²/2 + (2 - 0)²/2, both deviations 1
    array([1.5])
    >>> likelihood_ratio(np.array([[2.0]]), shadows, members, online=False).round(3)  # -log Pr[Z ≥ 2]
    array([3.783])
    """
    sides = [Side.of(shadows, side, centre) for side in ((members, ~members) if online else (~members,))]
    if variance == "released_fixed":
        spreads = [np.std(shadows[members if online else ~members]) + LEAST] * len(sides)
    else:
        spreads = deviations(sides, variance)
    return compared(target, sides, spreads)


def compared(target: np.ndarray, sides: Sequence[Side], spreads: Sequence[np.ndarray]) -> np.ndarray:
    """Set φ of targets, (…, points, queries), against the side with a point and that without it, or the latter."""
    if len(sides) == 1:
        return _negative_log_tail((target - sides[0].centre) / spreads[0]).mean(-1)
    densities = [_log_density(target, side.centre, spread) for side, spread in zip(sides, spreads, strict=True)]
    return (densities[0] - densities[1]).mean(-1)


def full_likelihood_ratio(target: np.ndarray, shadows: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Compare the target's φ with Gaussians over all queries of a point together: (points,).

    Λ = log N(φ; μ_in, Σ_in) − log N(φ; μ_out, Σ_out), full covariances; shapes as in `likelihood_ratio`.
    """
    of_points = np.ascontiguousarray(shadows.swapaxes(0, 1))
    densities = [log_normal(target, *_moments(of_points, side.T)) for side in (members, ~members)]
    return densities[0] - densities[1]


@dataclass(frozen=True)
class Side:
    """What the shadows on one side of a point's membership say about it.

    number: (…, points, 1) shadows; centre: (…, points, queries), NaN where there is none; squares: (…, points, queries)
    sum of squared deviations from the centre, from the mean for released_median.
    """

    number: np.ndarray
    centre: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, shadows: np.ndarray, side: np.ndarray, centre: str) -> Self:
        """Summarise shadows (shadows, points, queries) where side (shadows, points) holds, block by block of points."""
        blocks = [slice(start, start + BLOCK) for start in range(0, shadows.shape[1], BLOCK)]
        parts = [_summary(shadows[:, block], side[:, block], centre) for block in blocks]
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


Sums = list[tuple[np.ndarray, np.ndarray]]  # of each side over its points: squares (…, 1, queries), number (…, 1, 1)


def sums_of(sides: Sequence[Side]) -> Sums:
    """Add up squared deviations and numbers over points."""
    return [(np.nansum(side.squares, -2, keepdims=True), side.number.sum(-2, keepdims=True)) for side in sides]


def deviations(sides: Sequence[Side], variance: str, sums: Sums | None = None) -> list[np.ndarray]:
    """Return the standard deviation of each side, broadcastable to (…, points, queries); LEAST keeps it above 0.

    One model has no deviation: with fewer than two on a side, a point takes the side's common one. sums: over all
    points, None where these are all of them.
    """
    sums = sums_of(sides) if sums is None else sums
    if variance == "per_point":
        shared = [squares / np.maximum(number, 1) for squares, number in sums]
        variances = [
            np.where(s.number > 1, s.squares / np.maximum(s.number, 1), c) for s, c in zip(sides, shared, strict=True)
        ]
        return [np.sqrt(side_variance) + LEAST for side_variance in variances]
    if variance == "pooled":
        squares, numbers = zip(*sums, strict=True)
        sums = [(np.sum(squares, axis=0), np.sum(numbers, axis=0))] * len(sums)
    return [np.sqrt(squares / np.maximum(number, 1)) + LEAST for squares, number in sums]


def _summary(shadows: np.ndarray, side: np.ndarray, centre: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    weight = side.astype(np.float64)
    number = weight.sum(0)[:, None]
    if centre == "median":
        middle = around = _median(shadows, side)
    else:
        total = np.einsum("sp,spq->pq", weight, shadows)
        around = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
        middle = _median(shadows, side) if centre == "released_median" else around
    residual = shadows - around
    return number, middle, np.einsum("sp,spq,spq->pq", weight, residual, residual)


def _median(shadows: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Return the median over one side's shadows, (points, queries)."""
    ordered = np.sort(np.where(side[..., None], shadows, np.inf), axis=0)  # the other side last
    number = np.broadcast_to(side.sum(0)[:, None], shadows.shape[1:])
    low = np.maximum(number - 1, 0) // 2
    high = np.minimum(number // 2, np.maximum(number - 1, 0))
    picked = [np.take_along_axis(ordered, place[None], 0)[0] for place in (low, high)]
    return np.where(number > 0, (picked[0] + picked[1]) / 2, np.nan)


def _log_density(values: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return -np.square((values - centre) / spread) / 2 - np.log(spread)


def _moments(shadows: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (points, queries) and unbiased covariance (points, queries, queries) of one side; NaN where it is empty.

    shadows: (points, shadows, queries); side: (points, shadows) bool.
    """
    weight = side[..., None].astype(np.float64)
    number, total = weight.sum(1), (weight.swapaxes(1, 2) @ shadows)[:, 0]
    mean = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    residual = weight * (shadows - mean[:, None])
    return mean, residual.swapaxes(1, 2) @ residual / np.maximum(number - 1, 1)[..., None]


def _negative_log_tail(standardised: np.ndarray) -> np.ndarray:
    """−log Pr[Z ≥ z] of a standard normal: rises with z and keeps its digits far out."""
    from scipy.special import log_ndtr

    return -log_ndtr(-standardised)
