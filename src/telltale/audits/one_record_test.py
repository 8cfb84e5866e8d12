"""The best test there is of one record against another, on a released synthetic row.

Two records that are as far apart as the guarantee allows, with different labels where labels are covered. One of them,
by a fair coin, is released; the test of Neyman and Pearson says which, by the sign of log p(row | one) - log p(row |
other). It sees the noisy code itself: what a decoder makes of that, or a model trained on it, tells no test more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from telltale.data.seeds import derive, generator
from telltale.defenses.vae_metric_privacy.angular import Purkayastha, VonMisesFisher
from telltale.defenses.vae_metric_privacy.euclidean import Gaussian, LaplaceL1, LaplaceL2
from telltale.defenses.vae_metric_privacy.mechanism import Mechanism
from telltale.defenses.vae_metric_privacy.norm import Norm
from telltale.defenses.vae_metric_privacy.synthesis import Synthesis
from telltale.defenses.vae_metric_privacy.trade_off import NOTHING, Law, joined, total_variation
from telltale.evaluation.statistics import clopper_pearson
from telltale.evaluation.variance import CONFIDENCE

STEPS = 4000  # of a numerical integral
Judge = Callable[[np.ndarray], np.ndarray]  # codes (records, n) -> log p(row | one) - log p(row | other)
COORDINATE_STEPS = 200  # of one coordinate's


@dataclass(frozen=True)
class Measured:
    """How often the test was right, which is its balanced accuracy, with the exact binomial interval."""

    trials: int
    accuracy: float
    low: float
    high: float


def one_record_test(
    synthesis: Synthesis, trials: int, seed: int, judge: Judge | None = None, confidence: float = CONFIDENCE
) -> Measured:
    """Release one of two farthest records, guess which, and count; ties are guessed by a coin.

    judge: the attacker's log-likelihood ratio of released codes, from what becomes of them (`learned_judge`); None:
    from the codes themselves, by their densities.
    """
    one, other = synthesis.mechanism.farthest(synthesis.width)
    judge = judge or (lambda codes: synthesis.mechanism.log_ratio(codes, one, other))
    labels = (0, 1) if synthesis.labels.covered else (0, 0)
    rng = generator(seed, "one-record test")
    coins = rng.random(trials) < 0.5
    codes, true = np.where(coins[:, None], one, other), np.where(coins, *labels)
    ratios = np.zeros(trials)
    for copy in range(synthesis.copies):
        seed_of_copy = derive(seed, "copy", copy)
        released = synthesis.labels.perturb(true, synthesis.classes, seed_of_copy)
        ratios_of_labels = synthesis.labels.log_ratio(released, *labels)
        ratios += judge(synthesis.mechanism.perturb(codes, seed_of_copy)) + ratios_of_labels
    # sums that are equal but for rounding are ties
    guesses = np.where(np.abs(ratios) < 1e-9, rng.random(trials) < 0.5, ratios > 0)
    right = int((guesses == coins).sum())
    return Measured(trials, right / trials, *clopper_pearson(right, trials, confidence))


def best_balanced_accuracy(synthesis: Synthesis) -> float:
    """Return what the test reaches on average for those two records, by quadrature of densities; one copy.

    It is at most the guarantee's bound, which takes the code's log-likelihood ratio l to be ± e always.
    """
    if synthesis.copies != 1:
        raise ValueError("of one copy only")
    if isinstance(synthesis.mechanism, Gaussian):
        return synthesis.bound  # the exact trade-off already
    label, code = synthesis.labels.law(synthesis.classes), law_of_code(synthesis.mechanism, synthesis.width)
    return (1 + total_variation(joined(code, label))) / 2


def law_of_code(mechanism: Mechanism, width: int) -> Law:
    """Return the law of log p/q of the two farthest codes, under the first.

    Of angular mechanisms, for who sees direction and norm; a norm that is released as 0 tells no direction.
    """
    radius, epsilon = mechanism.radius(width), mechanism.epsilon
    if isinstance(mechanism, LaplaceL2):
        return _euclidean(2 * radius * epsilon, width)
    if isinstance(mechanism, LaplaceL1):
        return _sum_of_coordinates(mechanism.worst_case(width) / width, width)
    if isinstance(mechanism, (VonMisesFisher, Purkayastha)):
        angles = _middles(0, np.pi)
        sines = (width - 2) * np.log(np.sin(angles))
        if isinstance(mechanism, VonMisesFisher):
            turn = (2 * epsilon * np.cos(angles), _normalised(sines + epsilon * np.cos(angles)))
        else:
            turn = (epsilon * (np.pi - 2 * angles), _normalised(sines - epsilon * angles))
        return joined(turn, _norm(mechanism.norm, radius))
    raise TypeError(f"no law of {type(mechanism).__name__}")


def _euclidean(e: float, width: int) -> Law:
    """Two foci at distance e / ε:  l = e η,  density ∝ e^(e η/2) (1-η²)^m ∫_1^∞ (ξ²-η²) (ξ²-1)^m e^(-e ξ/2) dξ.

    ξ, η = (‖y-z‖ ± ‖y-z'‖) ε / e up to sign, prolate spheroidal coordinates, m = (n-3)/2; n = 1 has no ξ and η.
    """
    if width == 1:
        return _sum_of_coordinates(e, 1)
    # ξ = cosh s, η = sin t: no end is singular, dξ (ξ²-1)^m = sinh^(n-2) s ds and dη (1-η²)^m = cos^(n-2) t dt
    t, s = _middles(-np.pi / 2, np.pi / 2), _middles(0, _far(e, width))
    weights = _normalised((width - 2) * np.log(np.sinh(s)) - e * np.cosh(s) / 2)
    inner = weights @ np.cosh(s) ** 2 - np.sin(t) ** 2
    return e * np.sin(t), _normalised((width - 2) * np.log(np.cos(t)) + e * np.sin(t) / 2 + np.log(inner))


def _far(e: float, width: int) -> float:
    """Return an s beyond which e^(-e cosh(s)/2) leaves nothing of the integral."""
    return float(np.arccosh(1 + 2 * (60 + 6 * width) / e))


def _sum_of_coordinates(e: float, width: int) -> Law:
    """Laplace noise on each of n coordinates, each e / ε apart: n independent ratios, on one grid."""
    single = law = _laplace(e)[1]
    for _ in range(width - 1):
        law = np.convolve(law, single)
    return np.linspace(-width * e, width * e, len(law)), law / law.sum()


def _laplace(e: float) -> Law:
    """One number with Laplace noise: l = e with probability 1/2, -e with e^(-e)/2, density e^((l - e)/2)/4 between."""
    values = np.linspace(-e, e, 2 * COORDINATE_STEPS + 1)
    edges = (values[1:] + values[:-1]) / 2
    below = np.exp((edges - e) / 2) / 2  # P[l ≤ edge]
    return values, np.diff(np.concatenate([[0.0], below, [1.0]]))


def _norm(norm: Norm, radius: float) -> Law:
    return NOTHING if norm.epsilon is None else _laplace(norm.worst_case(radius))


def _middles(low: float, high: float) -> np.ndarray:
    edges = np.linspace(low, high, STEPS + 1)
    return (edges[1:] + edges[:-1]) / 2


def _normalised(logs: np.ndarray) -> np.ndarray:
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()
