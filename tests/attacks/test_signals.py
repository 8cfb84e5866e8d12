"""What probabilities say about membership, against definitions written out record by record."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.attacks.membership.signals import SIGNALS, scaled_logit
from telltale.attacks.membership.thresholds import areas, best_threshold, class_thresholds
from telltale.owner.release import softmax


def drawn(seed: int, models: int = 3, points: int = 7, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return softmax(3 * rng.normal(size=(models, points, classes))), rng.integers(classes, size=points)


def by_hand(name: str, p: list[float], y: int) -> float:
    others = [q for i, q in enumerate(p) if i != y]
    return {
        "loss": math.log(p[y]),
        "confidence": p[y],
        "largest": max(p),
        "entropy": sum(q * math.log(q) for q in p),
        "modified_entropy": (1 - p[y]) * math.log(p[y]) + sum(q * math.log(1 - q) for q in others),
        "logit": math.log(p[y] / (1 - p[y])),
        "gap": float(p[y] == max(p)),
    }[name]


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_is_its_formula_for_every_model_and_point(name: str) -> None:
    """Catches a sum over the wrong axis, a sign, labels of another point."""
    probabilities, labels = drawn(0)
    expected = [
        [by_hand(name, p.tolist(), int(y)) for p, y in zip(model, labels, strict=True)] for model in probabilities
    ]
    np.testing.assert_allclose(SIGNALS[name](probabilities, labels), expected, rtol=1e-12)


@given(st.floats(20, 600), st.booleans())
def test_the_logit_keeps_its_digits_where_a_probability_is_all_but_one(gap: float, right: bool) -> None:
    """Catches log(p / (1 - p)) computed from p: infinite or coarse from a margin of 37 on."""
    probabilities = softmax(np.array([[gap, 0.0]]))
    clamped = min(gap, 30 * math.log(10))
    expected = clamped if right else -clamped
    assert scaled_logit(probabilities, np.array([0 if right else 1]))[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", SIGNALS)
def test_certain_and_impossible_answers_give_finite_signals(name: str) -> None:
    """Catches log 0 after rounding or top-k answers."""
    probabilities = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert np.isfinite(SIGNALS[name](probabilities, np.array([0, 0]))).all()


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 5))
def test_the_best_threshold_is_the_best_of_all(seed: int, points: int, values: int) -> None:
    """Catches ties split between members and non-members, a search that skips a value, and one that rounds."""
    rng = np.random.default_rng(seed)
    scores, members = rng.integers(values, size=points).astype(float), rng.random(points) < 0.5
    if members.all() or not members.any():
        assert best_threshold(scores, members) == -np.inf
        return

    def accuracy(threshold: float) -> Fraction:
        called = scores >= threshold
        right_in, right_out = int((called & members).sum()), int((~called & ~members).sum())
        return Fraction(right_in, int(members.sum())) + Fraction(right_out, int((~members).sum()))

    assert best_threshold(scores, members) == max(sorted(scores), key=accuracy)  # the first of equal ones


def test_of_equally_good_thresholds_the_smallest_is_taken() -> None:
    """Catches accuracies compared as floats, by which 3 is better than 1: all three reach exactly 2/3."""
    members = np.array([False, True, False, True, False, True])
    assert best_threshold(np.arange(6.0), members) == 1.0


def test_an_area_counts_pairs() -> None:
    """Catches ties counted as won, and a model without a class that takes the others with it."""
    scores, members = np.array([[1.0, 2, 2, 3], [3, 2, 1, 0], [1, 1, 2, 3]]), np.array([[0, 0, 1, 1]] * 2 + [[1] * 4])
    assert areas(scores, members.astype(bool)).tolist() == [0.875, 0.0, 0.5]


def test_each_class_has_its_threshold_and_an_unseen_one_the_common() -> None:
    """Catches thresholds of another class, and a class without members judged at random."""
    scores = np.array([[1.0, 2.0, 11.0, 12.0, 5.0]])
    members = np.array([[False, True, False, True, True]])
    thresholds = class_thresholds(scores, members, np.array([0, 0, 1, 1, 2]), 3)
    assert thresholds[:2].tolist() == [2, 12] and thresholds[2] == best_threshold(scores, members)
