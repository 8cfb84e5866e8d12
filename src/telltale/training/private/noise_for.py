"""How much noise an ε asks for: a search on the accountant that asks it few times, as some take seconds to answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache

from telltale.errors import InputError
from telltale.progress import track
from telltale.training.private.accountant import epsilon_of

TOLERANCE = 1e-3  # of σ, relative: how far above the least one it may lie
ASIDE = 0.4  # of the tolerance: how far beside the expected σ the next question is put, so that two close it in
LEAST, MOST = 1e-6, 1e6  # σ beyond which nothing is looked for
STRIDE = math.log(4)  # of a step to where nothing is known


@cache
def sigma_for(epsilon: float, rate: float, steps: int, delta: float, accountant: str) -> float:
    """Return a noise multiplier that keeps `steps` steps within ε, at most 0.1 % above the least one that does.

    By the accountant's own ε, which falls with σ; the finer ones start from RDP's answer. Raises InputError where no
    noise is enough, or the accountant is not installed.

    >>> round(sigma_for(epsilon=8.0, rate=0.05, steps=600, delta=1e-5, accountant="rdp"), 3)
    1.071
    """

    def spent(sigma: float, by: str = accountant) -> float:
        return epsilon_of(sigma, rate, steps, delta, by)

    start, slope = 1.0, -1.0
    if accountant != "rdp":
        with suppress(InputError):  # RDP is coarse where ε is tiny
            start = sigma_for(epsilon, rate, steps, delta, "rdp")
            slope = math.log(spent(start * 1.02, "rdp") / spent(start, "rdp")) / math.log(1.02)
    bracket = (0.0, math.inf)
    for bracket in track(brackets(spent, epsilon, start, slope), f"noise multipliers tried ({accountant})"):
        if bracket[0] >= MOST:
            expected = f"more: no noise reaches it in {steps:,} steps at delta={delta:g} and sampling rate {rate:g}"
            expected += ", by this bound; accountant=pld may" if accountant == "rdp" else ""
            raise InputError("defense.epsilon", epsilon, expected)
    return bracket[1]


def brackets(
    spent: Callable[[float], float], target: float, start: float, slope: float = -1.0
) -> Iterator[tuple[float, float]]:
    """Yield ever closer (low, high): σ that spends more than `target`, and σ that does not; one question each.

    log ε is nearly linear in log σ: the two nearest answers (the first, and `slope`) give the expected σ, and the next
    question is put beside it, on the side of the end that is farther away.
    """
    low, high, x = -math.inf, math.inf, math.log(start)
    answers: list[tuple[float, float]] = []  # (log σ, log ε - log target), where ε is a number above 0
    while high - low > math.log1p(TOLERANCE) and low < math.log(MOST) and high > math.log(LEAST):
        value = spent(math.exp(x))
        low, high = (low, min(high, x)) if value <= target else (max(low, x), high)
        if 0 < value < math.inf:
            answers.append((x, math.log(value / target)))
        yield math.exp(low), math.exp(high)
        x = _next(low, high, answers, slope)


def _next(low: float, high: float, answers: list[tuple[float, float]], slope: float) -> float:
    expected = _root(sorted(answers, key=lambda answer: abs(answer[1]))[:2], slope)
    if math.isinf(low) or math.isinf(high):
        near, sign = (high, -1) if math.isinf(low) else (low, 1)
        if expected is None or len(answers) > 6:  # or the line keeps promising what does not come
            return near + sign * STRIDE
        beside = expected + sign * ASIDE * TOLERANCE
        return near + sign * min(max(sign * (beside - near), ASIDE * TOLERANCE), STRIDE)
    middle = (low + high) / 2
    if expected is None or len(answers) in range(6, 40, 2):  # in case the line misleads
        return middle
    expected += ASIDE * TOLERANCE * (1 if expected < middle else -1)
    return expected if low < expected < high else middle


def _root(answers: list[tuple[float, float]], slope: float) -> float | None:
    """Return where the line through the nearest answers crosses the target; through one, of the given slope."""
    if not answers:
        return None
    x, y = answers[0]
    if len(answers) == 2 and answers[1][0] != x:
        slope = (answers[1][1] - y) / (answers[1][0] - x)
    return x - y / min(slope, -0.1)
