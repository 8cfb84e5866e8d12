"""Empirical ε: how much privacy a trained model has lost at least, from guesses about canaries.

A canary is in a model by a fair coin of its own, and a guess says how the coin fell. Every function here returns a
lower bound: were training (ε, δ)-private for adding or removing one record with an ε below it, guesses this good
would come up in at most 5 % of all repetitions (1 - `confidence`). 0 says nothing.

- `one_run`: one model with many canaries (Steinke, Nasr, Jagielski, NeurIPS 2023, arXiv 2305.08846); with `bound` of
  telltale.evaluation.trade_off_bound tighter, and under a family of trade-off functions.
- `pooled`: the same for several models side by side.
- `retrained`: one canary in many models, error rates by Clopper and Pearson (Nasr et al., S&P 2021, arXiv 2101.04535).

scores: higher = more like a model with the canary; coins: the same shape, bool, True = the canary was in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from telltale.evaluation.statistics import clopper_pearson
from telltale.evaluation.variance import CONFIDENCE

SHARES = (1 / 64, 1 / 16, 1 / 4, 3 / 4)  # of canaries guessed at; on all of them, coins that fall unevenly cost much
LARGEST = 64.0  # ε beyond which no bound is looked for

Bound = Callable[[int, int, int, float, float], float]  # canaries, guesses, correct ones, δ, confidence -> ε


def one_run(
    scores: np.ndarray,
    coins: np.ndarray,
    delta: float,
    confidence: float = CONFIDENCE,
    bound: Bound | None = None,
) -> float:
    """Bound ε by one model's canaries, scores and coins (canaries,).

    For each of `SHARES`, the highest scores are guessed to be in and as many of the lowest out; each share has an
    equal part of the error, so that the largest of the bounds is one too. Scores may depend on anything but the
    coins: on other models, say, whose coins are their own. bound: of one share; None = `one_run_bound`.
    """
    scores, coins = _checked(scores, coins, delta)
    part = 1 - (1 - confidence) / len(SHARES)
    of_share = bound or one_run_bound
    return max(of_share(*counts, delta, part) for counts in guessed(scores, coins))


def guessed(scores: np.ndarray, coins: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield for each share how many canaries there are, guesses, and correct ones among them."""
    ranked = coins.ravel()[np.argsort(scores.ravel(), kind="stable")]
    for share in SHARES:
        half = min(max(1, round(share * len(ranked) / 2)), len(ranked) // 2)
        yield len(ranked), 2 * half, int(ranked[len(ranked) - half :].sum() + (~ranked[:half]).sum())


def pooled(
    scores: np.ndarray,
    coins: np.ndarray,
    delta: float,
    confidence: float = CONFIDENCE,
    bound: Bound | None = None,
) -> float:
    """Bound ε by the canaries of several models, scores and coins (models, canaries), each measured against its mean.

    Models with independent coins are one run on models x canaries canaries: every coin is in one of them only, so
    all together are as private as each (parallel composition). What is made of their answers alone stays so; a
    canary's mean over models is, a mean over the models without it, which takes coins to know, is not.
    """
    return one_run(scores - scores.mean(0), coins, delta, confidence, bound)


def retrained(scores: np.ndarray, coins: np.ndarray, delta: float, confidence: float = CONFIDENCE) -> float:
    """Bound ε by one canary in independently trained models, scores and coins (models, canaries).

    The first half of the models chooses the canary, the threshold and its direction; on the other half that one
    decision a model is counted. Decisions on several canaries of one model depend on each other and are not counted.
    """
    scores, coins = _checked(scores, coins, delta)
    half = len(scores) // 2
    canary = _most_separated(scores[:half], coins[:half])
    chosen, inside = scores[:half, canary], coins[:half, canary]
    _, _, sign, threshold = max(_candidates(chosen, inside, delta, confidence))
    guesses = sign * scores[half:, canary] >= threshold
    return two_sample_bound(*_counts(guesses, coins[half:, canary]), delta, confidence)


def most_by_one_run(canaries: int, delta: float, confidence: float = CONFIDENCE, bound: Bound | None = None) -> float:
    """Return the bound that `one_run` gives where every guess is right.

    >>> round(most_by_one_run(canaries=1000, delta=1e-5), 2)
    5.09
    """
    coins = np.arange(canaries) >= canaries // 2
    return one_run(coins.astype(float), coins, delta, confidence, bound)


def most_by_retraining(models: int, delta: float, confidence: float = CONFIDENCE) -> float:
    """Return the bound that so many counted models give where every guess is right, half of them with the canary.

    >>> round(most_by_retraining(models=16, delta=1e-5), 2)
    0.53
    """
    return two_sample_bound(models // 2, models // 2, 0, models - models // 2, delta, confidence)


@cache
def one_run_bound(canaries: int, guesses: int, correct: int, delta: float, confidence: float = CONFIDENCE) -> float:
    """Return the largest ε that so many correct guesses reject, by bisection of `one_run_p_value`; rounded down.

    Of 1,000 canaries, 800 right of 1,000 guesses say less than 90 right of the 100 guesses that are surest:

    >>> round(one_run_bound(1000, 1000, 800, delta=1e-5), 2), round(one_run_bound(1000, 100, 90, delta=1e-5), 2)
    (1.25, 1.63)
    """
    level = 1 - confidence
    low, high = 0.0, LARGEST
    if one_run_p_value(canaries, guesses, correct, low, delta) > level:
        return 0.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        rejected = one_run_p_value(canaries, guesses, correct, middle, delta) <= level
        low, high = (middle, high) if rejected else (low, middle)
    return low


def one_run_p_value(canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """Bound the probability of at least v correct guesses among r, on m canaries, under (ε, δ)-privacy.

    p = β + 2 m δ α,  β = P[B ≥ v],  α = max_{1 ≤ i ≤ v} P[v > B ≥ v - i] / i,  B ~ Binomial(r, e^ε / (1 + e^ε)):
    Theorem 5.2 of Steinke et al. and the algorithm of their appendix D. Where δ = 0 it is the tail of the best
    guesses about randomised response. By coins, ε = δ = 0, 8 or more of 10 are right with 56 / 1024:

    >>> round(one_run_p_value(canaries=10, guesses=10, correct=8, epsilon=0, delta=0), 4)
    0.0547
    """
    if not 0 <= correct <= guesses <= canaries:
        raise ValueError(f"{correct} correct of {guesses} guesses on {canaries} canaries")
    from scipy.special import bdtr, bdtrc, expit

    q = expit(epsilon)
    tail = float(bdtrc(correct - 1, guesses, q)) if correct else 1.0
    if delta == 0 or correct == 0:
        return tail
    below = np.concatenate([bdtr(np.arange(correct - 1, -1, -1), guesses, q), [0.0]])  # P[B < v - i], i = 0 … v
    steepest = ((below[0] - below[1:]) / np.arange(1, correct + 1)).max()
    return min(1.0, tail + 2 * canaries * delta * float(steepest))


def two_sample_bound(
    true_positives: int,
    positives: int,
    false_positives: int,
    negatives: int,
    delta: float,
    confidence: float = CONFIDENCE,
) -> float:
    """Return the larger of ln((TPR - δ) / FPR) and ln((1 - FPR - δ) / (1 - TPR)), at the ends that say least.

    TPR is replaced by its lower and FPR by its upper Clopper-Pearson end, each wrong in half of 1 - confidence;
    where both are right, both inequalities are (Kairouz, Oh, Viswanath 2015, theorem 2.1). TPR 0.9 and FPR 0.1, each
    of 100, are ln 9 = 2.20 as they stand, and by their ends

    >>> round(two_sample_bound(90, 100, 10, 100, delta=1e-5), 2)
    1.54
    """
    tpr, fpr = 0.0, 1.0
    if positives:
        tpr = clopper_pearson(true_positives, positives, confidence)[0]
    if negatives:
        fpr = clopper_pearson(false_positives, negatives, confidence)[1]
    ratios = ((tpr - delta, fpr), (1 - fpr - delta, 1 - tpr))
    return max([0.0, *(math.log(above / below) for above, below in ratios if above > 0)])


def _most_separated(scores: np.ndarray, coins: np.ndarray) -> int:
    """Choose the canary whose scores with and without it are farthest apart, in units of their deviation."""
    number = np.stack([coins.sum(0), (~coins).sum(0)])
    known = number.min(0) > 0
    means = np.stack([(scores * side).sum(0) for side in (coins, ~coins)]) / np.maximum(number, 1)
    spread = np.sqrt(((scores - np.where(coins, *means)) ** 2).mean(0))
    apart = np.abs(means[0] - means[1]) / np.maximum(spread, 1e-12)
    return int(np.argmax(np.where(known, apart, -1.0)))


def _candidates(
    scores: np.ndarray, inside: np.ndarray, delta: float, confidence: float
) -> list[tuple[float, float, int, float]]:
    """Judge every threshold in both directions: (bound, TPR - FPR, sign, threshold), midway between scores."""
    ranked = np.unique(scores)
    middles = (ranked[1:] + ranked[:-1]) / 2 if len(ranked) > 1 else ranked
    judged = []
    for sign in (1, -1):
        for threshold in sign * middles:
            counts = _counts(sign * scores >= threshold, inside)
            gap = counts[0] / max(counts[1], 1) - counts[2] / max(counts[3], 1)
            judged.append((two_sample_bound(*counts, delta, confidence), gap, sign, float(threshold)))
    return judged


def _counts(guesses: np.ndarray, inside: np.ndarray) -> tuple[int, int, int, int]:
    return int(guesses[inside].sum()), int(inside.sum()), int(guesses[~inside].sum()), int((~inside).sum())


def _checked(scores: np.ndarray, coins: np.ndarray, delta: float) -> tuple[np.ndarray, np.ndarray]:
    scores, coins = np.asarray(scores, dtype=float), np.asarray(coins, dtype=bool)
    if scores.shape != coins.shape or np.isnan(scores).any() or not 0 <= delta < 1:
        raise ValueError(f"scores {scores.shape}, coins {coins.shape}, δ {delta}: one score a coin, 0 ≤ δ < 1")
    return scores, coins
