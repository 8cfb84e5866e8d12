"""Lower bounds on ε: ours beside other tools', on scores with a signal and on none at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from telltale.data.seeds import generator
from telltale.evaluation.empirical_epsilon import one_run
from telltale.evaluation.trade_off_bound import trade_off_bound

Bound = Callable[[np.ndarray, np.ndarray], float]  # (scores, coins) -> ε at least
DELTA = 1e-5
NULL_GAMES = 60


def ours() -> dict[str, Bound]:
    """Return our bounds by name."""
    return {
        "ours, one run": lambda scores, coins: one_run(scores, coins, DELTA),
        "ours, one run, f-DP": lambda scores, coins: one_run(scores, coins, DELTA, bound=trade_off_bound),
    }


def of_jax_privacy() -> dict[str, Bound]:
    """Return those of jax_privacy by name; ImportError where it is not installed."""
    from jax_privacy import auditing

    split = auditing.MultiSplit(num_samples=20, seed=0)

    def auditor(scores: np.ndarray, coins: np.ndarray) -> auditing.CanaryScoreAuditor:
        return auditing.CanaryScoreAuditor(scores[coins], scores[~coins])

    return {
        "jax_privacy, one run": lambda scores, coins: auditor(scores, coins).epsilon_one_run(0.05, DELTA),
        "jax_privacy, one run, f-DP, split": lambda scores, coins: auditor(scores, coins).epsilon_one_run_fdp(
            0.05, DELTA, threshold_strategy=split
        ),
        "jax_privacy, Clopper–Pearson": lambda scores, coins: auditor(scores, coins).epsilon_clopper_pearson(
            0.05, DELTA
        ),
        "jax_privacy, Gaussian DP": lambda scores, coins: auditor(scores, coins).epsilon_from_gdp(0.05, DELTA),
    }


def on_signals(bounds: Mapping[str, Bound], shifts: Sequence[float], canaries: int = 500) -> list[list[str]]:
    """Return a row for each shift between normal scores of canaries that are in and those that are not."""
    rows = []
    for shift in shifts:
        scores, coins = drawn(shift, canaries, 0)
        name = f"N({shift:g}, 1) against N(0, 1)" if shift else "noise"
        rows.append([name, *(f"{bound(scores, coins):.2f}" for bound in bounds.values())])
    return rows


def false_alarms(bounds: Mapping[str, Bound], canaries: int = 200) -> list[list[str]]:
    """Count how often each bound is above 0 where scores say nothing: at most one time in twenty would be right."""
    rows = []
    for name, bound in bounds.items():
        values = [bound(*drawn(0.0, canaries, game)) for game in range(1, NULL_GAMES + 1)]
        alarms = sum(value > 0 for value in values)
        rows.append([name, f"{alarms} of {NULL_GAMES}", f"{max(values):.2f}"])
    return rows


def drawn(shift: float, canaries: int, game: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw coins, half of them in, and their scores: (canaries,) each."""
    rng = generator(game, "bounds", canaries)
    coins = rng.permutation(canaries) < canaries // 2
    return rng.normal(size=canaries) + shift * coins, coins
