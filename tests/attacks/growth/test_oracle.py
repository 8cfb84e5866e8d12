"""Queries: each molecule once, whole roll-outs only, never beyond the budget; and what they are worth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from telltale.attacks.molextract.asking import embeddings_of
from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.oracle import Oracle
from telltale.attacks.molextract.growth.random_growth import rolled_out
from telltale.attacks.molextract.growth.rewards import returns
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import NumericalError
from telltale.owner.release import Release
from tests.attacks.growth.worlds import Answering, problem_of, vocabulary


def oracle(budget: int | None = None) -> tuple[Oracle, Answering]:
    release = Answering(lambda text: "N" in text)
    return Oracle(release, budget), release  # type: ignore[arg-type]


def test_a_molecule_asked_twice_is_one_query() -> None:
    """Catches an attacker charged twice, and answers in another order than the questions."""
    asked, release = oracle()
    first = asked.embeddings(["C", "N", "C"])
    again = asked.embeddings(["N", "CC", "C"])
    assert (asked.asked, release.queries["embeddings"], release.batches) == (3, 3, 2)
    assert first[:, 0].tolist() == [0, 1, 0] and again[:, 0].tolist() == [1, 0, 0]


def test_only_whole_rollouts_are_paid_for() -> None:
    """Catches a budget passed by the last batch, and one that stops before it is spent."""
    asked, _ = oracle(budget=4)
    asked.embeddings(["C"])
    rollouts = [["C", "CC"], ["C", "N", "CN"], ["CC", "N"], ["O"]]
    assert asked.affordable(rollouts) == 3, "CC, N and CN are three; O would be a fourth"
    with pytest.raises(ValueError, match="4 new molecules, but the budget allows 3"):
        asked.embeddings(["CC", "N", "CN", "O"])
    assert asked.asked == 1 and asked.left == 3


def test_an_owners_limit_is_a_budget_too() -> None:
    """Catches a search that is refused half way, and one that forgets what was asked before."""
    release = Answering(lambda text: "N" in text)
    release.budget, release.queries["embeddings"] = 10, 4
    assert [Oracle(release, budget).budget for budget in (None, 3, 8)] == [6, 3, 6]  # type: ignore[arg-type]


def test_judging_stops_at_the_budget() -> None:
    """Catches roll-outs that are scored though they were never paid for."""
    environment = Environment(vocabulary(), 2)
    blocks = len({block.smiles for block in (*environment.vocabulary.rings, *environment.vocabulary.motifs)})
    state = rolled_out(environment, np.arange(8).repeat(5), np.random.default_rng(0))
    problem = problem_of(environment, lambda text: "N" in text, budget=blocks + 21)
    judged = problem.judge(state)
    assert 10 <= len(judged) < 40 and problem.oracle.asked <= blocks + 21
    assert len(problem.judge(state.take(np.arange(len(judged))))) == len(judged), "what is known costs nothing"
    assert len(problem_of(environment, lambda text: "N" in text).judge(state)) == 40


def test_rewards_equal_the_case_worked_out_by_hand() -> None:
    """Catches β_i = 0.99^(i-1), a valency reward for a step that failed, NaN in place of nothing."""
    scores = np.array([[0.5, -0.2], [1.0, np.nan]])
    valid = np.array([[True, True], [True, False]])
    expected = [0.99 * 0.5 - 0.99**2 * 0.2 + 0.1, 0.99 + 0.05]
    assert returns(scores, valid) == pytest.approx(expected)


def test_step_scores_are_those_of_the_molecule_before_the_motif_and_the_whole() -> None:
    """Catches a step that is scored from the ring, and sizes that leave out what was joined before."""
    environment = Environment(vocabulary(["*c1ccncc1"], ["*C*", "*O*"]), 2)
    problem = problem_of(environment, lambda text: "O" in text)
    state = environment.at(np.array([0]), np.array([[[environment.rings.open.argmax(), 0, 0], [6, 1, 0]]]))
    judged = problem.judge(state)
    assert judged.smiles.tolist() == [["c1ccncc1", *judged.smiles[0, 1:]]] and "O" in judged.smiles[0, 2]
    # (0, 1) all three; then Ĝ = (1, 0), before = (0, 1), motif = (1, 0): cos((1, 0), (0.5, 0.5)) = sqrt(1/2)
    assert judged.scores[0] == pytest.approx([1, np.sqrt(0.5)])
    parts = problem._parts(state, judged.smiles, np.array([0, 0]), np.array([0, 1]))
    assert parts.ring_size.tolist() == [6, 7] and parts.motif_size.tolist() == [1, 1]


class Broken(nn.Module):
    """Answers NaN for molecules with a nitrogen."""

    def forward(self, batch):  # type: ignore[no-untyped-def]
        nitrogens = torch.zeros(len(batch)).index_add_(0, batch.molecule_of, (batch.atoms[:, 0] == 6).float())
        return torch.where(nitrogens > 0, torch.nan, 1.0)[:, None]


def test_a_molecule_without_a_finite_answer_is_named() -> None:
    """Catches a point by number, where nobody knows which molecule it is; and a search for it that is charged."""
    release = Release(lambda: Broken(), "broken", name="target")
    with pytest.raises(NumericalError, match=r"^model target: its embedding of CCN is not finite$"):
        embeddings_of(release, MoleculeRecords.of(["CC", "CCN", "CN"], "three"))
    assert release.queries["embeddings"] == 3
