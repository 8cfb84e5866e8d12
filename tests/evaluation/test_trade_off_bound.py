"""The f-DP bound is jax_privacy's for the same counts, is right where its family holds, and wrong where it does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom

from scripts.coin_games import (
    bounds_of,
    counts_of,
    f_dp,
    gaussian,
    gaussian_below_response,
    randomised_response,
    sigma_of_gaussian,
    steinke,
)
from telltale.evaluation.empirical_epsilon import one_run, pooled
from telltale.evaluation.trade_off_bound import epsilon_of_gaussian, rejected, trade_off_bound, trade_off_bounds

GAMES, CANARIES, DELTA = 1000, 1000, 1e-5
ALLOWED = binom.ppf(0.999, GAMES, 0.05) / GAMES
# canaries, guesses, correct ones, level, δ: what jax_privacy 2.0.0 says
THEIRS = {
    (1000, 1000, 800, 0.05, 1e-5): 2.3332435930,
    (1000, 62, 55, 0.0125, 1e-3): 1.0393838764,
    (1000, 750, 500, 0.0125, 1e-5): 0.8292382372,
    (1000, 750, 750, 0.05, 1e-5): 11.2802305857,
    (3000, 100, 80, 0.05, 1e-5): 1.2213187326,
    (1000, 16, 13, 0.0125, 1e-5): 0.0184538388,
}


@pytest.mark.parametrize("given", THEIRS)
def test_the_bound_is_what_another_library_says_for_the_same_counts(given: tuple[int, int, int, float, float]) -> None:
    """Catches a recursion that is one step short, and a share of canaries in the place of guesses."""
    canaries, guesses, correct, level, delta = given
    bound = trade_off_bound(canaries, guesses, correct, delta, 1 - level)
    assert bound == pytest.approx(THEIRS[given], abs=2e-4) and bound <= THEIRS[given] + 1e-9


@pytest.mark.slow
def test_the_bound_is_that_of_jax_privacy_where_it_is_installed() -> None:
    """Catches figures above that are no longer what the library says: 120 cases."""
    auditing = pytest.importorskip("jax_privacy.auditing", reason="compares with jax_privacy, which is not installed")
    for canaries, guesses in ((100, 100), (1000, 16), (1000, 250), (1000, 750), (5000, 80)):
        for right in np.linspace(0.5, 1, 6):
            for level, delta in ((0.05, 1e-5), (0.0125, 1e-5), (0.05, 1e-3), (0.01, 1e-2)):
                counts = canaries, guesses, round(right * guesses)
                theirs = auditing._epsilon_one_run_fdp(0.0, *counts, level, delta)
                assert trade_off_bound(*counts, delta, 1 - level) == pytest.approx(theirs, abs=2e-4)


def test_one_canary_is_rejected_where_a_test_is_more_often_right_than_its_function_allows() -> None:
    """Catches a recursion that is not the theorem: with m = r = v = 1 the guess is right with probability Φ(μ / 2)."""
    for mu in (0.5, 1.0, 3.0):
        levels = ndtr(mu / 2) + np.array([-1e-6, 1e-6])
        assert [bool(rejected(1, 1, np.array([1]), np.array([mu]), level)[0]) for level in levels] == [False, True]


def test_several_numbers_at_once_are_those_one_by_one() -> None:
    """Catches a number that is moved on before its own turn."""
    correct = np.array([0, 30, 55, 62])
    together = trade_off_bounds(1000, 62, correct, DELTA)
    assert together == pytest.approx([trade_off_bound(1000, 62, int(number), DELTA) for number in correct], abs=1e-3)
    assert (np.diff(together[1:]) > 0).all() and together[0] == 0


@pytest.mark.parametrize(("epsilon", "least"), [(1.0, 0.2), (4.0, 1.5)])
def test_both_bounds_on_the_gaussian_mechanism_are_rarely_above_the_truth(epsilon: float, least: float) -> None:
    """Catches a level that is not kept, and an f-DP bound that finds less than the one for any mechanism."""
    sigma = sigma_of_gaussian(epsilon, DELTA)
    counts = counts_of(lambda rng: gaussian(sigma, (CANARIES,), rng), GAMES, seed=int(epsilon))
    by_family, by_any = (bounds_of(counts, DELTA, of_share) for of_share in (f_dp, steinke))
    assert max((by_family > epsilon).mean(), (by_any > epsilon).mean()) <= ALLOWED
    assert least < np.median(by_family) < epsilon and np.median(by_any) < np.median(by_family)


@pytest.mark.parametrize("epsilon", [1.0, 4.0])
def test_on_randomised_response_one_bound_is_right_and_the_other_right_of_the_gaussian_below(epsilon: float) -> None:
    """Catches a family that is not printed: this mechanism is outside, so that its own ε at δ is not bounded."""
    counts = counts_of(lambda rng: randomised_response(epsilon, (CANARIES,), rng), GAMES, seed=int(epsilon))
    by_family, by_any = (bounds_of(counts, DELTA, of_share) for of_share in (f_dp, steinke))
    assert (by_any > epsilon).mean() <= ALLOWED and np.median(by_any) > 0.75 * epsilon
    assert (by_family > gaussian_below_response(epsilon, DELTA)).mean() <= ALLOWED
    assert (by_family > epsilon).mean() > 0.9


def test_noise_gives_no_bound_and_pooled_models_a_larger_one() -> None:
    """Catches a bound that is not passed on, and leakage found in scores that know nothing."""
    rng = np.random.default_rng(0)
    scores, coins = gaussian(0.5, (8, 200), rng)
    alone, together = one_run(scores[0], coins[0], DELTA), pooled(scores, coins, DELTA, bound=trade_off_bound)
    assert alone < one_run(scores[0], coins[0], DELTA, bound=trade_off_bound) < together
    noise = counts_of(lambda rng: (rng.normal(size=400), rng.random(400) < 0.5), GAMES, seed=3)
    assert (bounds_of(noise, DELTA, f_dp) > 0.0).mean() <= ALLOWED


def test_what_has_no_finite_epsilon_is_refused() -> None:
    """Catches a Gaussian function that is given an ε at δ = 0."""
    with pytest.raises(ValueError, match="0 < δ"):
        trade_off_bound(100, 10, 9, 0.0)
    assert epsilon_of_gaussian(1e-9, DELTA) == 0 and math.isfinite(epsilon_of_gaussian(16.0, 1e-12))
