"""Empirical ε is never above the truth more often than its error allows, and close to it where much is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from scripts.coin_games import gaussian, randomised_response
from telltale.evaluation.empirical_epsilon import (
    one_run,
    one_run_bound,
    one_run_p_value,
    pooled,
    retrained,
    two_sample_bound,
)
from telltale.evaluation.trade_off_bound import epsilon_of_gaussian

Bound = Callable[[np.ndarray, np.ndarray, float], float]

ALLOWED = binom.ppf(0.999, 400, 0.05) / 400  # of 400 bounds, so many may be wrong at 95 %


def test_the_p_value_without_delta_is_a_binomial_tail() -> None:
    """Catches "more than" in the place of "at least", and a rate that is not e^ε / (1 + e^ε)."""
    expected = binom.sf(69, 100, math.e / (1 + math.e))
    assert one_run_p_value(1000, 100, 70, 1.0, 0.0) == pytest.approx(expected, rel=1e-9)
    assert one_run_p_value(1000, 100, 0, 1.0, 0.0) == 1


def test_the_p_value_with_delta_is_that_of_a_loop_over_all_i() -> None:
    """Catches an α over the wrong window, and r in the place of m beside δ."""
    m, r, v, q, delta = 500, 60, 41, 1 / (1 + math.exp(-0.4)), 1e-3
    windows = [sum(binom.pmf(v - j, r, q) for j in range(1, i + 1)) / i for i in range(1, v + 1)]
    expected = binom.sf(v - 1, r, q) + 2 * m * delta * max(windows)
    assert one_run_p_value(m, r, v, 0.4, delta) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("given", "printed"), [((1000, 100, 75, 1e-4), 0.673), ((100_000, 1510, 1439, 1e-5), 2.675)])
def test_the_bound_is_what_the_paper_prints(given: tuple[int, int, int, float], printed: float) -> None:
    """Catches a formula other than that of appendix D (its example, and that of figure 11)."""
    assert one_run_bound(*given) == pytest.approx(printed, abs=1e-3)


def test_the_bound_grows_with_correct_guesses_and_shrinks_with_delta() -> None:
    """Catches a bisection that runs the wrong way."""
    by_correct = [one_run_bound(1000, 200, correct, 1e-5) for correct in range(100, 201, 10)]
    assert by_correct[0] == 0 and (np.diff(by_correct[2:]) > 0).all()
    assert one_run_bound(1000, 200, 180, 1e-3) < one_run_bound(1000, 200, 180, 1e-5)


def test_all_correct_guesses_give_the_bound_in_closed_form() -> None:
    """Catches a search that ends early: r right of r reject q^r ≤ 0.05, so ε = ln(q / (1 - q)), q = 0.05^(1/r)."""
    q = 0.05 ** (1 / 1000)
    assert one_run_bound(1000, 1000, 1000, 0.0) == pytest.approx(math.log(q / (1 - q)), abs=1e-5)


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_one_run_on_randomised_response_is_rarely_above_the_truth_and_close_to_it(epsilon: float) -> None:
    """Catches a level that is not kept over the shares, and a bound that gives much away."""
    rng = np.random.default_rng(0)
    bounds = np.array([one_run(*randomised_response(epsilon, (2000,), rng), 0.0) for _ in range(400)])
    assert (bounds > epsilon).mean() <= ALLOWED
    assert epsilon - 0.35 < np.median(bounds) < epsilon


@pytest.mark.parametrize("bound", [one_run, pooled, retrained])
def test_no_bound_on_the_gaussian_mechanism_is_above_the_truth_more_often_than_allowed(bound: Bound) -> None:
    """Catches a δ that is left out, a threshold chosen where it is counted, and models that are not independent."""
    rng, sigma, delta = np.random.default_rng(1), 0.5, 1e-3
    shape = (500,) if bound is one_run else (20, 25)
    bounds = np.array([bound(*gaussian(sigma, shape, rng), delta) for _ in range(400)])
    assert (bounds > epsilon_of_gaussian(1 / sigma, delta)).mean() <= ALLOWED


@pytest.mark.parametrize("bound", [one_run, pooled, retrained])
def test_scores_that_know_nothing_give_a_bound_above_zero_in_few_runs(bound: Bound) -> None:
    """Catches a bound that finds leakage in noise: coins and scores are independent, so ε = 0 is true."""
    rng = np.random.default_rng(2)
    shape = (400,) if bound is one_run else (24, 20)
    bounds = np.array([bound(rng.normal(size=shape), rng.random(shape) < 0.5, 0.0) for _ in range(400)])
    assert (bounds > 0).mean() <= ALLOWED


def test_pooling_sees_through_canaries_of_different_difficulty() -> None:
    """Catches scores that are ranked over canaries as they are: what all models say of a canary is no news."""
    rng = np.random.default_rng(3)
    scores, coins = gaussian(0.3, (16, 100), rng)
    scores += 20 * rng.normal(size=100)
    assert pooled(scores, coins, 1e-5) > 3 > 1 > one_run(scores[0], coins[0], 1e-5)


def test_retrained_models_tell_a_canary_that_is_remembered_in_either_direction() -> None:
    """Catches a direction that is taken for granted, and a canary that is not chosen: one of 30 gives its coin away."""
    rng = np.random.default_rng(4)
    coins = rng.random((80, 30)) < 0.5
    scores = rng.normal(size=(80, 30))
    scores[:, 7] -= 20 * coins[:, 7]
    assert 1.5 < retrained(scores, coins, 1e-5) < math.log(20 / 2)


def test_the_two_sample_bound_is_that_of_its_four_numbers() -> None:
    """Catches ends that are swapped, and the mirrored inequality left out (Clopper-Pearson of 20/20 and 0/20)."""
    edge = 0.025 ** (1 / 20)
    assert two_sample_bound(20, 20, 0, 20, 0.01) == pytest.approx(math.log((edge - 0.01) / (1 - edge)))
    assert two_sample_bound(20, 20, 10, 20, 0.0) == pytest.approx(two_sample_bound(10, 20, 0, 20, 0.0))
    assert two_sample_bound(5, 20, 5, 20, 0.0) == two_sample_bound(0, 0, 0, 0, 0.0) == 0


def test_a_score_that_is_no_number_is_refused() -> None:
    """Catches NaN ranked as the surest guess of all."""
    with pytest.raises(ValueError, match="one score a coin"):
        one_run(np.array([0.0, np.nan]), np.array([True, False]), 1e-5)
