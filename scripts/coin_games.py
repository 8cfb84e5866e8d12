"""Games about coins whose ε is known: what a mechanism tells of each, and the bounds that guesses about them give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from telltale.evaluation.empirical_epsilon import SHARES, guessed, one_run_bound
from telltale.evaluation.trade_off_bound import LARGEST, epsilon_of_gaussian, trade_off_bounds
from telltale.evaluation.variance import CONFIDENCE

Drawn = tuple[np.ndarray, np.ndarray]
OfShare = Callable[[int, int, np.ndarray, float], np.ndarray]  # canaries, guesses, numbers of correct ones, δ -> ε

PART = 1 - (1 - CONFIDENCE) / len(SHARES)
GAMES = 2000
EPSILONS = (1.0, 4.0, 8.0)


def randomised_response(epsilon: float, shape: tuple[int, ...], rng: np.random.Generator) -> Drawn:
    """Tell each coin with probability e^ε / (1 + e^ε); ties are broken by chance."""
    from scipy.special import expit

    coins = rng.random(shape) < 0.5
    told = coins ^ (rng.random(shape) > expit(epsilon))
    return told + 0.01 * rng.random(shape), coins


def gaussian(sigma: float, shape: tuple[int, ...], rng: np.random.Generator) -> Drawn:
    """Tell each coin with Gaussian noise."""
    coins = rng.random(shape) < 0.5
    return coins + sigma * rng.normal(size=shape), coins


def sigma_of_gaussian(epsilon: float, delta: float) -> float:
    """Return σ of the Gaussian mechanism that is exactly (ε, δ)-private for one coin."""
    from scipy.optimize import brentq

    return 1 / float(brentq(lambda mu: epsilon_of_gaussian(mu, delta) - epsilon, 1e-3, LARGEST))


def gaussian_below_response(epsilon: float, delta: float) -> float:
    """Return ε at δ of f_μ, μ = -2 Φ⁻¹(1 / (1 + e^ε)), which touches randomised response's function from below."""
    from scipy.special import expit, ndtri

    return epsilon_of_gaussian(-2 * float(ndtri(expit(-epsilon))), delta)


def counts_of(play: Callable[[np.random.Generator], Drawn], games: int, seed: int) -> np.ndarray:
    """Play games and count: (games, shares, 3) of canaries, guesses, correct ones."""
    rng = np.random.default_rng(seed)
    return np.array([list(guessed(*play(rng))) for _ in range(games)])


def bounds_of(counts: np.ndarray, delta: float, of_share: OfShare) -> np.ndarray:
    """Return each game's bound as `one_run` gives it, every number of correct guesses worked out once: (games,)."""
    best = np.zeros(len(counts))
    for of_games in counts.swapaxes(0, 1):
        canaries, guesses = (int(number) for number in of_games[0, :2])
        correct, game = np.unique(of_games[:, 2], return_inverse=True)
        best = np.maximum(best, of_share(canaries, guesses, correct, delta)[game])
    return best


def steinke(canaries: int, guesses: int, correct: np.ndarray, delta: float) -> np.ndarray:
    """Bound ε for any mechanism, at one share's part of the error."""
    return np.array([one_run_bound(canaries, guesses, int(number), delta, PART) for number in correct])


def f_dp(canaries: int, guesses: int, correct: np.ndarray, delta: float) -> np.ndarray:
    """Bound ε under the Gaussian family, at one share's part of the error."""
    return trade_off_bounds(canaries, guesses, correct, delta, PART)


def table_of_games(canaries: int, delta: float, games: int = GAMES) -> list[list[str]]:
    """Play both mechanisms at each of `EPSILONS`; return the table, its head first."""
    head = ["mechanism", "ε", "family's truth", "any mechanism: median", "above the truth"]
    table = [[*head, "f-DP: median", "above the family's truth", "above ε"]]
    for seed, epsilon in enumerate(EPSILONS, 1):
        sigma = sigma_of_gaussian(epsilon, delta)
        plays = {
            "Gaussian": lambda rng, sigma=sigma: gaussian(sigma, (canaries,), rng),
            "randomised response": lambda rng, epsilon=epsilon: randomised_response(epsilon, (canaries,), rng),
        }
        truths = {"Gaussian": epsilon, "randomised response": gaussian_below_response(epsilon, delta)}
        for name, play in plays.items():
            counts = counts_of(play, games, seed)
            by_any, by_family = (bounds_of(counts, delta, of_share) for of_share in (steinke, f_dp))
            above = [(by_any > epsilon), (by_family > truths[name]), (by_family > epsilon)]
            rates = [f"{100 * np.mean(one):.1f} %" for one in above]
            medians = [f"{np.median(one):.2f}" for one in (by_any, by_family)]
            row = [name, f"{epsilon:g}", f"{truths[name]:.2f}", medians[0], rates[0], medians[1], *rates[1:]]
            table.append(row)
    return table
