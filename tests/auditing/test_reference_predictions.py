"""Members that are easier, or better labelled, are no leak of a model that saw none of them; a memory stays one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from telltale.attacks.base import Attack
from telltale.attacks.membership.by_record import Plain
from telltale.auditing.judging import Manner, judged
from telltale.errors import InputError
from telltale.evaluation.answer import LEAKS
from telltale.evaluation.reference_predictions import reference_predictions
from telltale.evaluation.strata import AMONG_ALIKE, NO_MODEL
from telltale.game.answers import Answers
from telltale.reporting.answering import spoken

MANNER = Manner(seed=1, replicates=200)
SURE: dict[str, Attack] = {"loss": Plain("loss"), "largest": Plain("largest")}
ERROR: dict[str, Attack] = {"error": Plain("error")}
WIDTH = 8


def sigmoid(of: np.ndarray) -> np.ndarray:
    """Return the probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-of)))


def easier(memory: float, seed: int = 0, points: int = 1200) -> Answers:
    """Return answers of a model of other records; members are those that every model is sure of.

    memory: by how much the log-odds of their labels are larger, of members alone.
    """
    rng = np.random.default_rng(seed)
    true = rng.normal(size=WIDTH)
    learned = true + 0.1 * rng.normal(size=WIDTH)
    features = rng.normal(size=(points, WIDTH)).astype(np.float32)
    labels = (features @ true + 2 * rng.normal(size=points) > 0).astype(np.int64)
    member = rng.random(points) < sigmoid(np.abs(features @ true) / np.linalg.norm(true) - 0.67)
    return _answering(features, labels, member, features @ learned, memory)


def mislabelled(memory: float, seed: int = 0, points: int = 1200) -> Answers:
    """Return answers of a model of other records; a fifth of the held-out labels are wrong, and no member's."""
    rng = np.random.default_rng(seed)
    true, member = rng.normal(size=WIDTH), np.arange(points) % 2 == 0
    features = rng.normal(size=(points, WIDTH)).astype(np.float32)
    labels = ((features @ true > 0) ^ (~member & (rng.random(points) < 0.2))).astype(np.int64)
    return _answering(features, labels, member, features @ true, memory)


def _answering(
    features: np.ndarray, labels: np.ndarray, member: np.ndarray, odds: np.ndarray, memory: float
) -> Answers:
    one = sigmoid(odds + memory * member * (2 * labels - 1))
    said = np.stack([1 - one, one], 1)[None]
    return Answers("probabilities", said, member[None], "made up", labels=labels, features=features)


def smaller_noise(memory: float, seed: int = 0, points: int = 1200) -> Answers:
    """Return real values predicted without memory; members are those measured with less error."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=WIDTH)
    features = rng.normal(size=(points, WIDTH)).astype(np.float32)
    noise = rng.normal(size=points)
    member = rng.random(points) < sigmoid(1.5 * (0.67 - np.abs(noise)))
    answers = features @ true + memory * member * noise
    return Answers("values", answers[None], member[None], "made up", labels=features @ true + noise, features=features)


@pytest.mark.parametrize("made", [easier, mislabelled, smaller_noise])
def test_members_that_any_model_finds_easier_are_no_leak(made: Callable[[float], Answers]) -> None:
    """Catches a detector to which a record is its columns, and not how hard it is."""
    outcome = judged(made(0.0), ERROR if made is smaller_noise else SURE, MANNER)
    assert outcome.scored.metrics["target"]["auc"].low > 0.54  # the attack alone would accuse
    assert outcome.scored.metrics[NO_MODEL]["auc"].low > 0.5  # columns alone: 0.5
    assert spoken(outcome).kind != LEAKS


@pytest.mark.parametrize(("made", "memory"), [(easier, 1.0), (mislabelled, 1.0), (smaller_noise, 0.7)])
def test_a_memory_of_easier_members_is_found(made: Callable[[float], Answers], memory: float) -> None:
    """Catches references that explain away what only the model audited knows."""
    outcome = judged(made(memory), ERROR if made is smaller_noise else SURE, MANNER)
    assert outcome.scored.metrics["target"][AMONG_ALIKE].low > 0.6
    assert spoken(outcome).kind == LEAKS


@pytest.mark.parametrize("real", [False, True])
def test_no_reference_saw_the_record_it_speaks_of_or_one_of_its_group(real: bool) -> None:
    """Catches predictions that remember: other labels of a group change what is said of it at the label alone."""
    answers = smaller_noise(0.0, points=200) if real else easier(0.0, points=200)
    groups, labels = np.arange(200) // 4, answers.labels
    assert labels is not None and answers.features is not None
    other = labels.copy()
    other[:4] = labels[:4][::-1] if real else 1 - labels[:4]  # of the first group
    first, second = (
        reference_predictions(answers.features, of, answers.membership[0], groups, 0) for of in (labels, other)
    )
    assert first is not None and second is not None
    without_label = [1, 4] if real else [3, 4, 5, 7, 8, 9]
    assert np.allclose(first[:4, without_label], second[:4, without_label], atol=1e-5)
    assert not np.allclose(first[4:, without_label], second[4:, without_label], atol=1e-5)


def test_references_know_nothing_of_who_was_in() -> None:
    """Catches a side that weighs more: with the roles exchanged all is said as before."""
    answers = easier(0.0, points=300)
    assert answers.labels is not None and answers.features is not None
    member = answers.membership[0]
    first, second = (reference_predictions(answers.features, answers.labels, of, None, 0) for of in (member, ~member))
    assert first is not None and second is not None
    assert np.allclose(first[:, :6], second[:, :6], atol=1e-5)  # the linear one; trees may part equal splits otherwise
    assert reference_predictions(answers.features, np.zeros(300, np.int64), member, None, 0) is None
    assert reference_predictions(answers.features, answers.labels, np.arange(300) < 10, None, 0) is None


def test_known_held_out_records_are_as_wide_as_those_judged() -> None:
    """Catches a traceback of references that are fitted to both."""
    with pytest.raises(InputError, match="as wide as features"):
        Answers(
            "scores",
            np.arange(4.0)[None],
            np.array([[True, True, False, False]]),
            features=np.zeros((4, 3)),
            population=np.zeros((1, 2)),
            population_features=np.zeros((2, 2)),
        )
