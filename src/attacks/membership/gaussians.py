"""LiRA's likelihood ratio, for all points of a target at once (Carlini et al. 2022, algorithm 1 and section VI).

    online   Λ = mean over queries of  log N(φ; μ_in, σ²_in) − log N(φ; μ_out, σ²_out)
    offline  Λ = mean over queries of  −log Pr[Z ≥ φ],  Z ~ N(μ_out, σ²_out)

The tail is one-sided, as in the paper: a member's φ lies above what models without it say.
"""

from __future__ import annotations

import numpy as np

VARIANCES = ("per_point", "fixed", "global")
CENTRES = ("mean", "median")


def likelihood_ratio(
    target: np.ndarray,
    shadows: np.ndarray,
    rows: np.ndarray,
    online: bool = True,
    variance: str = "per_point",
    centre: str = "mean",
) -> np.ndarray:
    """Compare the target's φ with the Gaussians of shadows with and without each point: (points,).

    target: (points, queries) φ; shadows: (shadows, points, queries); rows: (shadows, points) bool, in training.
    variance: per_point, fixed (one for the shadows with, one for those without) or global (one for both). A point
    that has no shadow on a side that is needed gets NaN.
    """
    inside = rows[..., None]
    centre_out, residual_out = _centred(shadows, ~inside, centre)
    if not online:
        spread = _deviation([residual_out], [~inside], variance)[0]
        return _negative_log_tail((target - centre_out) / spread).mean(-1)
    centre_in, residual_in = _centred(shadows, inside, centre)
    spread_in, spread_out = _deviation([residual_in, residual_out], [inside, ~inside], variance)
    ratio = _log_density(target, centre_in, spread_in) - _log_density(target, centre_out, spread_out)
    return ratio.mean(-1)


def _centred(shadows: np.ndarray, side: np.ndarray, centre: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the centre of one side's shadows, (points, queries), and all shadows minus it, 0 on the other side."""
    if centre == "median":
        where = np.broadcast_to(side, shadows.shape)
        ordered = np.sort(np.where(where, shadows, np.inf), axis=0)  # the other side last
        number = where.sum(0)
        low, high = np.maximum(number - 1, 0) // 2, number // 2
        picked = [np.take_along_axis(ordered, place[None], 0)[0] for place in (low, np.minimum(high, number - 1))]
        middle = np.where(number > 0, (picked[0] + picked[1]) / 2, np.nan)
    else:
        number = side.sum(0)
        total = np.where(side, shadows, 0.0).sum(0)
        middle = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return middle, np.where(side, shadows - middle, 0.0)


def _deviation(residuals: list[np.ndarray], sides: list[np.ndarray], variance: str) -> list[np.ndarray]:
    """Return the standard deviation of each side, broadcastable to (points, queries); 1e-30 keeps it above 0."""
    squares = [np.square(residual) for residual in residuals]
    numbers = [np.broadcast_to(side, square.shape) for side, square in zip(sides, squares, strict=True)]
    if variance == "per_point":
        return [np.sqrt(s.sum(0) / np.maximum(n.sum(0), 1)) + 1e-30 for s, n in zip(squares, numbers, strict=True)]
    sums = [(np.nansum(s, (0, 1)), n.sum((0, 1))) for s, n in zip(squares, numbers, strict=True)]
    if variance == "global":
        sums = [(sum(s for s, _ in sums), sum(n for _, n in sums))] * len(sums)
    return [np.sqrt(total / np.maximum(number, 1)) + 1e-30 for total, number in sums]


def _log_density(values: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return -np.square((values - centre) / spread) / 2 - np.log(spread)


def _negative_log_tail(standardised: np.ndarray) -> np.ndarray:
    """−log Pr[Z ≥ z] of a standard normal: rises with z and keeps its digits far out."""
    from scipy.special import log_ndtr

    return -log_ndtr(-standardised)
