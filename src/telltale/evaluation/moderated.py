"""Standard errors of few degrees of freedom, moderated over many experiments.

An error made of three pairs of models has two degrees of freedom: after a correction for 26 experiments Student's
quantile is over 20, and next to nothing is ever seen. What errors have in common, the others tell (Smyth 2004, "Linear
models and empirical Bayes methods", section 6): error² / expected² of a cell is s0² · F(degrees, prior).
"""

from __future__ import annotations

import numpy as np

CELLS = 3  # below which errors have nothing in common that could be told
NEWTON = 50
LEAST = 1e-5  # of the median, below which an error² / expected² is taken for chance


def moderated(error: np.ndarray, expected: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return errors drawn towards what is expected, times what they are of it; and their degrees of freedom.

    error, expected, degrees: (cells,), above 0. Estimated by the moments of log(error² / expected²), whose variance is
    ψ′(degrees / 2) + ψ′(prior / 2). Of few cells that variance is known badly, and too many degrees mean false alarms
    (Smyth's estimate: 7 % for 2.5 in 26 cells with a prior of 4): one standard error is added to it. Never more degrees
    than all cells have together, as s0 is estimated from them. Cells with endless degrees stay as they are, as do all
    where they are fewer than three. ValueError where one is not above 0.
    """
    from scipy.special import digamma, polygamma

    error, expected, degrees = (np.asarray(of, float) for of in np.broadcast_arrays(error, expected, degrees))
    if not ((error >= 0) & (expected > 0) & (degrees > 0)).all():
        raise ValueError("errors and degrees of freedom must be above 0")
    few = np.isfinite(degrees)
    if few.sum() < CELLS:
        return error.copy(), degrees.copy()
    ratio, half = (error[few] / expected[few]) ** 2, degrees[few] / 2
    logs = np.log(np.maximum(ratio, LEAST * np.median(ratio))) - digamma(half) + np.log(half)
    among = polygamma(1, half)
    chance = np.sqrt(
        np.mean(2 * among**2 + polygamma(3, half)) / len(logs)
    )  # of the variance below, were there no other
    excess = float(np.var(logs, ddof=1) - among.mean() + chance)
    prior = 2 * _trigamma_inverse(excess) if excess > 0 else np.inf
    common = np.exp(logs.mean() + (digamma(prior / 2) - np.log(prior / 2) if np.isfinite(prior) else 0.0))
    weight = prior / (degrees[few] + prior) if np.isfinite(prior) else 1.0
    ratio = (1 - weight) * ratio + weight * common
    moved, whole = error.copy(), degrees.copy()
    moved[few] = expected[few] * np.sqrt(ratio)
    whole[few] = np.minimum(degrees[few] + prior, degrees[few].sum())
    return moved, whole


def _trigamma_inverse(value: float) -> float:
    """Return x with ψ′(x) = value, by Newton's steps on 1 / ψ′, which is nearly linear and convex (Smyth's appendix).

    >>> round(_trigamma_inverse(1.6449340668), 6)
    1.0
    """
    from scipy.special import polygamma

    place = 0.5 + 1 / value
    for _ in range(NEWTON):
        at = float(polygamma(1, place))
        step = at * (1 - at / value) / float(polygamma(2, place))
        place += step
        if abs(step) < 1e-10 * place:
            break
    return place
