"""Quantile regression where the law of the signal given the record is known."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy.stats import norm

from telltale.attacks.membership.quantile_regression import standardised
from telltale.attacks.membership.thresholds import areas

POINTS, HELD = 1500, 1500


def ranked(difference: float, seed: int, plain: bool = False) -> float:
    """Return the AUC where s | x ~ N(μ(x), σ(x)²) and members have μ(x) + difference · σ(x)."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-1, 1, (POINTS + HELD, 3))
    member = np.arange(POINTS) % 2 == 0
    centre, spread = 4 * inputs[:, 0], np.exp(1.5 * inputs[:, 1])
    signal = centre + spread * rng.normal(size=POINTS + HELD)
    signal[:POINTS] += difference * spread[:POINTS] * member
    if plain:
        return float(areas(signal[None, :POINTS], member[None])[0])
    scores = standardised(signal[:POINTS], inputs[:POINTS], signal[POINTS:], inputs[POINTS:], seed)
    return float(areas(scores[None], member[None])[0])


def test_what_a_record_lets_expect_is_taken_off() -> None:
    """Catches a score that ranks easy records above hard ones: Φ(1 / √2) = .760 is there, plainly about .6."""
    assert ranked(1.0, 0, plain=True) < 0.65
    assert ranked(1.0, 0) == pytest.approx(norm.cdf(1 / sqrt(2)), abs=0.06)


def test_where_nothing_is_remembered_nothing_is_found() -> None:
    """Catches a regression that knows who is a member."""
    assert ranked(0.0, 1) == pytest.approx(0.5, abs=3 * sqrt(1 / (6 * POINTS)) + 0.01)
    assert ranked(0.5, 2) == ranked(0.5, 2)
