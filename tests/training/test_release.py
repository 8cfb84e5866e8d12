"""A release answers what the threat model grants, counts every record asked for, and stops at its budget."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from telltale.configuration.command_line import explain
from telltale.errors import AccessDeniedError, QueriesSpentError
from telltale.owner.defense import Defense
from telltale.owner.release import Release
from telltale.training import batches
from telltale.training.counter_random import uniform
from tests.training.small import molecules, recipe_in, rows

RECORDS = molecules(12)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return recipe_in(tmp_path_factory.mktemp("store")).train(RECORDS, rows(RECORDS), 0)


@pytest.fixture
def release(trained: Release) -> Release:
    return trained.restricted(frozenset({"embeddings"}))


def test_only_granted_calls_work_and_the_refusal_names_the_threat_model(release: Release) -> None:
    """Catches an attack that reads weights it has no right to."""
    with pytest.raises(AccessDeniedError, match="weights: this threat model grants embeddings"):
        release.weights()
    with pytest.raises(AccessDeniedError, match="embeddings: this threat model grants no call"):
        release.restricted(frozenset()).embeddings(RECORDS)
    assert release.queries == Counter()  # what was refused was not asked


def test_every_record_counts_a_cached_answer_too(release: Release) -> None:
    """Catches free repetitions: a budget that counts calls, or distinct queries."""
    first, second = release.embeddings(RECORDS), release.embeddings(RECORDS)
    release.embeddings(RECORDS.take(np.arange(5)))
    assert release.queries == {"embeddings": 29}
    assert np.array_equal(first, second) and first.shape == (12, 8) and first.dtype == np.float32


def test_the_budget_is_enforced_before_the_answer(trained: Release) -> None:
    """Catches a budget noticed only after the answer was given."""
    limited = trained.restricted(frozenset({"embeddings"}), budget=20)
    limited.embeddings(RECORDS)
    with pytest.raises(QueriesSpentError, match="12 more queries would pass the budget of 20"):
        limited.embeddings(RECORDS)
    code, said = explain(QueriesSpentError("embeddings: spent"), Path())
    assert (code, said) == (1, "error: embeddings: spent")  # an attack that asks on ends in one line
    limited.embeddings(RECORDS.take(np.arange(8)))
    assert limited.queries.total() == 20


def test_a_restriction_cannot_be_undone(trained: Release) -> None:
    """Catches a release that grants more than the one it was made from."""
    limited = trained.restricted(frozenset({"embeddings"}), budget=5)
    wider = limited.restricted(frozenset({"embeddings", "weights"}))
    assert wider.access == {"embeddings"} and wider.budget == 5
    assert limited.restricted(limited.access, 3).budget == 3 and limited.restricted(limited.access, 9).budget == 5


def test_restricted_releases_count_for_themselves(trained: Release) -> None:
    """Catches a rival that uses up the attack's budget."""
    one, other = (trained.restricted(frozenset({"embeddings"})) for _ in range(2))
    one.embeddings(RECORDS)
    assert one.queries.total() == 12 and other.queries.total() == 0


def test_what_a_caller_does_to_an_answer_changes_nobody_elses(trained: Release) -> None:
    """Catches an attack that normalises in place and so changes the rival's answers, or the model itself."""
    before, weights = trained.embeddings(RECORDS).copy(), {name: w.copy() for name, w in trained.weights().items()}
    trained.embeddings(RECORDS)[:] = 0
    for array in trained.weights().values():
        array[...] = 0
    assert np.array_equal(trained.embeddings(RECORDS), before)
    assert all(np.array_equal(trained.weights()[name], array) for name, array in weights.items())


def test_answers_do_not_depend_on_the_records_asked_for_beside(trained: Release) -> None:
    """Catches a model released in training mode, which would normalise by the query's own statistics."""
    alone = np.concatenate([trained.embeddings(RECORDS.take(np.array([row]))) for row in range(12)])
    assert np.allclose(trained.embeddings(RECORDS), alone, rtol=1e-4, atol=1e-5)


def test_batches_of_queries_change_no_answer(trained: Release) -> None:
    """Catches records lost or doubled where a query is cut into batches."""
    small = Release(trained._model, "key", batch_size=5)
    assert np.allclose(small.embeddings(RECORDS), trained.embeddings(RECORDS), rtol=1e-4, atol=1e-5)


@dataclass(frozen=True)
class Noise(Defense):
    """Adds one number to each record's answer, drawn from the record's key."""

    stage = "answer"

    def answer(self, call: str, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        return values + uniform(torch.from_numpy(keys), "noise").numpy()[:, None]


def test_sets_are_laid_out_once_for_all_models_as_far_as_memory_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches layouts made for each model anew, a second set that drives out the first, and sets that are never let go.

    Which set was asked about least lately goes first.
    """
    graphs = [molecules(12, start).arrays() for start in (0, 20, 40)]
    monkeypatch.setattr(batches, "KEPT", 24)
    monkeypatch.setattr(batches, "_laid", OrderedDict())
    first, second = (batches.query_batches(part, 12, 5) for part in graphs[:2])
    assert batches.query_batches(graphs[0], 12, 5) is first and [len(rows) for _, rows in first] == [4, 4, 4]
    batches.query_batches(graphs[2], 12, 5)
    assert batches.query_batches(graphs[0], 12, 5) is first and len(batches._laid) == 2
    assert batches.query_batches(graphs[1], 12, 5) is not second
    (batch, _), *_ = first
    layer = batch.layers(2)[-1]
    assert batch.to("cpu").pools(layer) is batch.pools(layer)


def test_a_set_too_large_to_be_kept_gets_the_same_answers(trained: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches batches of a large set that are lost, or out of order, between cores."""
    kept = trained.restricted(trained.access)
    kept._store, kept._memory, kept._batch_size = None, {}, 5
    answers = kept.embeddings(RECORDS)
    monkeypatch.setattr(batches, "KEPT", 3)
    kept._memory = {}
    assert np.allclose(kept.embeddings(RECORDS), answers, atol=1e-6)


def test_a_record_gets_the_same_noise_whoever_asks_and_whatever_beside(trained: Release) -> None:
    """Catches noise that can be averaged away by asking again, in other company, or under a second threat model."""
    noisy = Release(trained._model, "key", answers=[Noise()])
    other = noisy.restricted(frozenset({"embeddings"}))
    together = noisy.embeddings(RECORDS)
    alone = np.concatenate([other.embeddings(RECORDS.take(np.array([row]))) for row in range(12)])
    assert np.allclose(together, alone, rtol=1e-4, atol=1e-5)
    assert np.array_equal(together, other.embeddings(RECORDS))
    assert not np.allclose(together, trained.embeddings(RECORDS), atol=1e-2)


def test_two_models_share_no_noise(trained: Release) -> None:
    """Catches noise that cancels in the difference of two releases."""
    noises = [
        Release(trained._model, key, answers=[Noise()]).embeddings(RECORDS) - trained.embeddings(RECORDS)
        for key in ("one", "other")
    ]
    assert np.abs(noises[0] - noises[1]).max() > 0.1


def test_a_cached_answer_is_found_by_the_records_and_their_order(trained: Release, tmp_path: Path) -> None:
    """Catches a cache that answers one query with another's embeddings."""
    backwards = RECORDS.take(np.arange(12)[::-1])
    assert np.allclose(trained.embeddings(backwards), trained.embeddings(RECORDS)[::-1], rtol=1e-4, atol=1e-5)
