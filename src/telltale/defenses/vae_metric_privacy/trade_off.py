"""The best test of two records on what is released: for randomised response, Gaussian noise and both together.

A law is that of the log-likelihood ratio log p/q under p: its values and their probabilities. It says all about how
well p and q can be told apart; independent releases add their ratios. Every pair that is (ε, δ)-indistinguishable is
made from randomised response's by post-processing, and every sequence of such pairs from theirs (Kairouz, Oh,
Viswanath, The Composition Theorem for Differential Privacy, 2015), so that what holds for them bounds all.
"""

from __future__ import annotations

import math

import numpy as np

Law = tuple[np.ndarray, np.ndarray]  # values of log p/q, and their probabilities under p: (values,) each

NOTHING: Law = (np.zeros(1), np.ones(1))  # p = q
MOST = 1e3  # μ beyond which no solution is looked for
STEPS = 200  # of bisection: to the last bit


def randomized_response(epsilon: float, delta: float = 0.0, times: int = 1) -> Law:
    """Return the law of the hardest (ε, δ)-indistinguishable pair: ± ε, and with probability δ all is told."""
    right = 1 / (1 + math.exp(-epsilon))
    binomial = np.ones(1)
    for _ in range(times):
        binomial = np.convolve(binomial, [1 - right, right])
    values, no_failure = epsilon * np.arange(-times, times + 1, 2), (1 - delta) ** times
    return np.append(values, math.inf), np.append(no_failure * binomial, 1 - no_failure)


def joined(first: Law, second: Law) -> Law:
    """Add the ratios of two independent releases."""
    return np.add.outer(first[0], second[0]).ravel(), np.multiply.outer(first[1], second[1]).ravel()


def total_variation(law: Law) -> float:
    """TPR - FPR of the best test:  Σ P[l] (1 - e^(-l))⁺."""
    values, probabilities = law
    return float(probabilities @ np.maximum(-np.expm1(-np.maximum(values, 0)), 0))


def total_variation_with_gaussian(mu: float, law: Law) -> float:
    """TPR - FPR of the best test of N(μ, 1) against N(0, 1) and an independent release with that law.

    Σ_i p_i (Φ(μ/2 + l_i/μ) - e^(-l_i) Φ(-μ/2 + l_i/μ));  2 Φ(μ/2) - 1 for the Gaussian alone.
    """
    from scipy.special import log_ndtr, ndtr

    if mu == 0:
        return total_variation(law)
    values, probabilities = law
    certain = np.isinf(values)
    below = np.where(certain, 0.0, values)
    missed = np.exp(log_ndtr(-mu / 2 + below / mu) - below)
    return float(probabilities @ np.where(certain, 1.0, ndtr(mu / 2 + below / mu) - missed))


def delta_of(epsilon: float, mu: float) -> float:
    """δ(ε) = Φ(μ/2 - ε/μ) - e^ε Φ(-μ/2 - ε/μ),  μ = distance / σ: Balle, Wang 2018 (arXiv 1805.06530), theorem 8."""
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
    """Return the smallest σ that makes codes so far apart (ε, δ)-indistinguishable; 0 where ε is infinite."""
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


def renyi_divergence(order: float, mu: float) -> float:
    """D_α(N(μ, 1) ‖ N(0, 1)) = α μ² / 2."""
    return order * mu**2 / 2
