"""The detector finds another distribution of weights, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from telltale.evaluation.detector import detection, features

RNG = np.random.default_rng(0)
LEVELS = (np.arange(1000) + 0.5) / 1000


def models(number: int, peaked: float = 0.0) -> np.ndarray:
    """Quantiles of normal weights, some of them drawn towards zero, of a scale that varies from model to model."""
    drawn = RNG.normal(size=(number, 5000)) * np.where(RNG.random((number, 5000)) < peaked, 0.2, 1.0)
    return np.quantile(drawn * RNG.uniform(0.9, 1.1, (number, 1)), LEVELS, axis=1).T


def test_weights_of_another_shape_are_found() -> None:
    """Catches a classifier that is trained on the pair it judges, or signs that are turned."""
    assert detection(models(12, 0.4), models(12), 200, 0)["detector_auc"].value > 0.95


def test_weights_of_the_same_law_are_not_told_apart() -> None:
    """Catches leave-one-out that leaves one of a pair in: the mean over twenty draws is a coin's."""
    values = [detection(models(8), models(8), 2, 0)["detector_auc"].value for _ in range(20)]
    assert np.mean(values) == pytest.approx(0.5, abs=0.12)


def test_only_the_two_of_a_pair_are_compared() -> None:
    """Catches scores of classifiers that were learned from different pairs, held against each other: a pair whose
    models are equal is a tie, wherever both stand.
    """
    honest = models(8)
    assert detection(honest, honest, 50, 0)["detector_auc"].value == 0.5


def test_features_describe_the_shape_and_not_only_the_scale() -> None:
    """Catches a detector that a factor on all weights would fool."""
    one = models(3)
    np.testing.assert_allclose(features(5 * one)[:, 1:], features(one)[:, 1:], rtol=1e-9, atol=1e-12)
