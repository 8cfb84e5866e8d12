"""What guesses about canaries say of a trade-off function (Mahloujifar, Melis, Chaudhuri, ICML 2025, arXiv 2410.22235).

Private training bounds what any test of "was this record in?" can reach: a test that is wrong with probability x where
the record was in (out) is right with at most f̄(x) = 1 - f(x) where it was out (in), f the trade-off function. Of m
canaries, each in by a fair coin, r are guessed at. Flip the coin of one that is guessed rightly: the guess turns wrong
and one guess fewer is right. So, p_i the probability of exactly i right guesses, over canaries by concavity of f̄,

    Σ_{i ≥ c} (i / m) p_i  ≤  f̄( Σ_{i ≥ c-1} ((r - i) / m) p_i )        for every c

(their theorem for two outcomes a canary). Were v or more right with probability τ, the left side at c = v would be
least, and the sum on the right most, with all of τ at v. From there down to c = 0, what is needed adds up; if it is
more than all r guesses, v right guesses have less than τ.

The family is that of Gaussian trade-off functions f_μ (Dong, Roth, Su 2022): f̄_μ⁻¹(y) = Φ(Φ⁻¹(y) - μ), to which DP-SGD
of many steps comes close. A mechanism outside is bounded by the f_μ below its own function, not by its own ε at δ.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from telltale.evaluation.variance import CONFIDENCE

FAMILY = "the family of Gaussian trade-off functions"
LARGEST = 16.0  # μ beyond which nothing is looked for
SECTIONS = 64  # values of μ that are tried side by side


@cache
def trade_off_bound(canaries: int, guesses: int, correct: int, delta: float, confidence: float = CONFIDENCE) -> float:
    """Return ε, at δ > 0, of the largest μ that so many correct guesses reject; rounded down.

    Of 1,000 canaries, 800 right of 1,000 guesses say nearly as much as 90 right of the 100 guesses that are surest:

    >>> round(trade_off_bound(1000, 1000, 800, delta=1e-5), 2), round(trade_off_bound(1000, 100, 90, delta=1e-5), 2)
    (2.33, 2.46)
    """
    return float(trade_off_bounds(canaries, guesses, np.array([correct]), delta, confidence)[0])


def trade_off_bounds(
    canaries: int, guesses: int, correct: np.ndarray, delta: float, confidence: float = CONFIDENCE
) -> np.ndarray:
    """Return the same for several numbers of correct guesses at once: (numbers,)."""
    if not (0 < guesses <= canaries and (correct >= 0).all() and (correct <= guesses).all() and 0 < delta < 1):
        raise ValueError(f"{correct} correct of {guesses} guesses on {canaries} canaries, 0 < δ = {delta} < 1")
    low, high = np.zeros(len(correct)), np.full(len(correct), LARGEST)
    sections = max(2, SECTIONS // len(correct))
    numbers = np.arange(len(correct))
    while (high - low).max() > 1e-5:
        ends = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, sections + 1)
        below = rejected(canaries, guesses, correct[:, None], ends[:, 1:-1], 1 - confidence).sum(
            1
        )  # none from there on
        low, high = ends[numbers, below], ends[numbers, below + 1]
    return np.array([epsilon_of_gaussian(mu, delta) for mu in low])


def rejected(canaries: int, guesses: int, correct: np.ndarray, mu: np.ndarray, level: float) -> np.ndarray:
    """Say whether v or more right guesses have a probability below `level` under f_μ; v and μ are broadcast.

    right, wrong: the least that Σ_{i ≥ c} (i / m) p_i and Σ_{i ≥ c} ((r - i) / m) p_i can be, c from v down to 0.
    """
    from scipy.special import ndtr, ndtri

    correct, mu = np.broadcast_arrays(correct, mu)
    right, wrong = level * correct / canaries, level * (guesses - correct) / canaries
    all_of_them = guesses / canaries
    for c in reversed(range(int(correct.max(initial=0)))):
        needed = np.where(c < correct, np.maximum(wrong, ndtr(ndtri(right) - mu)), wrong)
        settled = (c < correct) & (needed <= wrong)  # what does not grow once grows no more
        right = np.minimum(right + c / (guesses - c) * (needed - wrong), 1.0)
        wrong = needed
        if (settled | (right + wrong >= all_of_them)).all():
            break
    return np.asarray(right + wrong >= all_of_them)


@cache
def epsilon_of_gaussian(mu: float, delta: float) -> float:
    """Return the least ε ≥ 0 with Φ(μ/2 - ε/μ) - e^ε Φ(-μ/2 - ε/μ) ≤ δ, δ > 0 (Balle & Wang 2018, theorem 8).

    >>> round(epsilon_of_gaussian(1.0, 1e-5), 2)
    4.38
    """
    from scipy.optimize import brentq
    from scipy.special import log_ndtr

    def excess(epsilon: float) -> float:
        lost = math.exp(epsilon + log_ndtr(-mu / 2 - epsilon / mu))
        return math.exp(log_ndtr(mu / 2 - epsilon / mu)) - lost - delta

    if mu <= 0 or excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, mu**2 / 2 + 40 * mu, xtol=1e-9))
