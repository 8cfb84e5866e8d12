"""Estimates that are kept: from the store they are what they were, to the last digit, and of the same guesses only."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from telltale.data.kept import NOWHERE, Kept
from telltale.evaluation import score
from telltale.evaluation.estimate import Estimate
from telltale.evaluation.kept_estimates import as_arrays, as_estimates
from telltale.evidence import CanaryScores, MembershipScores
from telltale.store.store import Store
from telltale.truth import Truth
from tests.training.small import molecules

RNG = np.random.default_rng(0)
INSIDE = np.stack([row if k % 2 == 0 else ~row for row in RNG.random((3, 60)) < 0.5 for k in range(2)])
GUESS = MembershipScores(INSIDE + RNG.normal(size=INSIDE.shape), 0.5, alone=RNG.normal(size=INSIDE.shape))


def same(one: Estimate, other: Estimate) -> bool:
    values = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(Estimate)]
    return all(
        type(a) is type(b) and np.array_equal(a, b, equal_nan=isinstance(a, float | np.ndarray)) for a, b in values
    )


def measured(guess: MembershipScores, kept: Kept, replicates: int = 20) -> score.ScoredMembership:
    found = score.evaluate({"target": guess, "rival": GUESS}, Truth(INSIDE, (), molecules(1)), (), replicates, 0, kept)
    assert isinstance(found, score.ScoredMembership)
    return found


def test_an_estimate_comes_back_as_it_was() -> None:
    """Catches an interval, a note or a type that a run from the store lacks."""
    three = Estimate(0.5, np.arange(12.0).reshape(3, 4), 7, "a note; ε\nof two lines", "plan", 4, 5, (0.0, 1.0))
    estimates = {"b": three, "a": Estimate.exact(float("nan"), 3), "c": replace(three, replicates=np.full(5, np.nan))}
    found = as_estimates(as_arrays(estimates))
    assert list(found) == list(estimates)
    for name, estimate in estimates.items():
        assert same(found[name], estimate)
    assert as_estimates(as_arrays({})) == {}


def test_scores_are_measured_once_and_are_the_same_from_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a rerun that measures again, a number of it that differs, and numbers served for another guess."""
    kept = Kept(Store(tmp_path))
    plain, first = measured(GUESS, NOWHERE), measured(GUESS, kept)
    canaries = CanaryScores(GUESS.scores, GUESS.threshold, alone=GUESS.alone, delta=1e-5)
    assert len(measured(canaries, kept).metrics["target"]) > len(first.metrics["target"]), "bounds on ε"
    monkeypatch.setattr(score, "score_with_roc", None)
    again = measured(GUESS, kept)
    assert plain.metrics["target"]["auc"].low < plain.metrics["target"]["auc"].high
    for other in (first, again):
        for name, metrics in plain.metrics.items():
            assert list(metrics) == list(other.metrics[name])
            assert all(same(estimate, other.metrics[name][metric]) for metric, estimate in metrics.items())
            curves = zip(vars(plain.roc[name]).values(), vars(other.roc[name]).values(), strict=True)
            assert all(np.array_equal(one, two, equal_nan=True) for one, two in curves)
    for guess, replicates in (
        (replace(GUESS, threshold=0.6), 20),
        (replace(GUESS, scores=-GUESS.scores), 20),
        (GUESS, 21),
    ):
        with pytest.raises(TypeError, match="not callable"):
            measured(guess, kept, replicates)
