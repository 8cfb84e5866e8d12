"""Shokri's attack networks: what they read, by either of its inputs, and that they learn from it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from telltale.attacks.membership.shadow_classifier import INPUTS, ShadowClassifier
from telltale.attacks.membership.thresholds import areas
from telltale.errors import InputError
from telltale.owner.release import softmax

LABELS = np.arange(300) % 3


def knowledge() -> Any:
    return SimpleNamespace(challenge=SimpleNamespace(labels=LABELS, classes=("a", "b", "c")), seed=0)


def read_by(attack: ShadowClassifier, answers: np.ndarray) -> np.ndarray:
    release: Any = SimpleNamespace(probabilities=lambda records: answers)
    return attack.signal(release, knowledge())


def test_the_networks_read_log_probabilities_in_order_or_probabilities_as_answered() -> None:
    """Catches probabilities that are sorted or logged where the paper's are asked for, and a true class not first."""
    answers = np.tile([0.1, 0.6, 0.3], (300, 1))
    assert np.array_equal(read_by(ShadowClassifier("probabilities"), answers), answers.astype(np.float32))
    expected = [[0.1, 0.6, 0.3], [0.6, 0.3, 0.1], [0.3, 0.6, 0.1]]  # of classes 0, 1, 2
    np.testing.assert_allclose(np.exp(read_by(ShadowClassifier(), answers)[:3]), expected, rtol=1e-6)


@pytest.mark.parametrize("inputs", INPUTS)
def test_members_answered_with_more_confidence_are_found(inputs: str) -> None:
    """Catches networks of another class, labels of another model, inputs on a scale that teaches nothing."""
    rng = np.random.default_rng(0)
    rows = rng.random((9, 300)) < 0.5
    logits = rng.normal(size=(9, 300, 3)) + (1 + 2 * rows)[..., None] * np.eye(3)[LABELS]
    attack = ShadowClassifier(inputs)
    attack._seed, attack._trained = 0, {}
    signals = np.stack([read_by(attack, one) for one in softmax(logits)])
    scores, _ = attack.judge(signals[:1], signals[1:], rows[1:], knowledge())
    assert areas(scores, rows[:1]).item() > 0.8


def test_other_inputs_are_refused() -> None:
    """Catches a word that is passed over in silence."""
    with pytest.raises(InputError, match=r"attack\.inputs=logits: one of log_probabilities, probabilities"):
        ShadowClassifier("logits")
