"""What Gaussian noise hides exactly: (ε, δ), Rényi divergence and the errors of the best test.

μ = distance / σ: the two releases are N(0, 1) against N(μ, 1) (Gaussian differential privacy, Dong, Roth, Su 2019).
"""

from __future__ import annotations

import math

import numpy as np

MOST = 1e3  # μ beyond which no solution is looked for
STEPS = 200  # of bisection: to the last bit


def delta_of(epsilon: float, mu: float) -> float:
    """δ(ε) = Φ(μ/2 - ε/μ) - e^ε Φ(-μ/2 - ε/μ): Balle, Wang 2018 (arXiv 1805.06530), theorem 8."""
    from scipy.special import log_ndtr, ndtr

    if mu == 0:
        return 0.0
    return max(0.0, float(ndtr(mu / 2 - epsilon / mu) - math.exp(epsilon + log_ndtr(-mu / 2 - epsilon / mu))))


def mu_for(epsilon: float, delta: float) -> float:
    """Return the largest μ that is (ε, δ)-indistinguishable, rounded down."""
    low, high = 0.0, MOST
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(epsilon, middle) <= delta else (low, middle)
    return low


def sigma_for(epsilon: float, delta: float, distance: float) -> float:
    """Return the smallest σ that makes codes so far apart (ε, δ)-indistinguishable."""
    return 0.0 if math.isinf(epsilon) else distance / mu_for(epsilon, delta)


def epsilon_for(mu: float, delta: float) -> float:
    """Return the smallest ε with δ(ε) ≤ δ, rounded up."""
    low, high = 0.0, mu * (mu / 2 + math.sqrt(2 * math.log(1 / delta)))  # the Gaussian tail bound
    if delta_of(0.0, mu) <= delta:
        return 0.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if delta_of(middle, mu) <= delta else (middle, high)
    return high


def advantage(mu: float, ratios: np.ndarray, first: np.ndarray, other: np.ndarray) -> float:
    """Return TPR - FPR of the best test of N(μ, 1) x P against N(0, 1) x Q, P and Q on finitely many values.

    Σ_i p_i Φ(μ/2 + l_i/μ) - q_i Φ(-μ/2 + l_i/μ),  l = log p/q; 2 Φ(μ/2) - 1 for the Gaussian alone.
    ratios, first, other: l, p and q, (values,).
    """
    from scipy.special import ndtr

    if mu == 0:
        return float(np.maximum(first - other, 0).sum())
    if math.isinf(mu):
        return 1.0
    return float((first * ndtr(mu / 2 + ratios / mu) - other * ndtr(-mu / 2 + ratios / mu)).sum())


def renyi_divergence(order: float, mu: float) -> float:
    """D_α(N(0, 1) ‖ N(μ, 1)) = α μ² / 2."""
    return order * mu**2 / 2
