"""Exposure of single records against a loop over all pairs of models."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from telltale.evaluation.exposure import exposure


def by_pairs(scores: np.ndarray, inside: np.ndarray) -> float:
    pairs = list(product(scores[inside], scores[~inside]))
    return float(np.mean([(a > b) + (a == b) / 2 for a, b in pairs])) if pairs else float("nan")


@pytest.mark.parametrize("decimals", [9, 0])
def test_exposure_equals_the_mean_over_all_pairs_of_models(decimals: int) -> None:
    rng = np.random.default_rng(0)
    inside = rng.random((9, 200)) < 0.5
    inside[:, 0], inside[:, 1] = True, False
    scores = np.round(rng.normal(size=(9, 200)) + inside, decimals)
    scores[0, 5] = -np.inf
    found = exposure(scores, inside)
    expected = [by_pairs(s, i) for s, i in zip(scores.T, inside.T, strict=True)]
    np.testing.assert_allclose(found.value, expected, atol=1e-12)
    assert (found.n_in == inside.sum(0)).all() and (found.n_in + found.n_out == 9).all()


def test_points_that_no_model_or_every_model_had_are_not_ranked() -> None:
    inside = np.array([[True, True, False], [False, True, False]])
    found = exposure(np.array([[2.0, 1, 1], [1, 2, 2]]), inside)
    assert found.value[0] == 1 and np.isnan(found.value[1:]).all()
    assert found.ranking().tolist() == [0]


def test_the_ranking_starts_with_the_planted_point_and_keeps_equal_ones_in_order() -> None:
    rng = np.random.default_rng(0)
    inside = rng.random((40, 50)) < 0.5
    scores = np.zeros((40, 50))
    scores[:, 7] = inside[:, 7]
    ranking = exposure(scores, inside).ranking()
    assert ranking[0] == 7 and ranking[1:4].tolist() == [0, 1, 2]


def test_what_chance_reaches_is_passed_by_the_highest_point_once_in_twenty_worlds() -> None:
    """Catches a bound for one point that is used for the highest of many."""
    rng, above = np.random.default_rng(0), 0
    for _ in range(300):
        inside = rng.permuted(np.tile(np.arange(40) % 2 == 0, (100, 1)), axis=1).T
        found = exposure(rng.normal(size=(40, 100)), inside)
        above += found.value.max() > found.chance()
    assert 2 <= above <= 30


def test_few_models_let_chance_reach_everything() -> None:
    inside = np.array([[True] * 100, [False] * 100])
    assert exposure(np.zeros((2, 100)), inside).chance() == 1
    assert np.isnan(exposure(np.zeros((1, 3)), np.ones((1, 3), bool)).chance())
