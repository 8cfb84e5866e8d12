"""Searches that learn, in the environment they are for: a release that knows some molecules, and nothing trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.problem import Problem, Verdicts
from telltale.attacks.molextract.growth.search import SearchOptions
from telltale.attacks.molextract.policy.network import Policy
from telltale.attacks.molextract.policy.rollout import at_random, by_policy, motifs_of, rewards_of_steps, roll_out
from telltale.attacks.molextract.policy.search import by_policy_gradient, by_soft_actor_critic, reward_anew
from telltale.errors import InputError, NumericalError
from tests.attacks.growth.worlds import MOTIFS, RINGS, part_of, problem_of, vocabulary

SEARCHES = {"policy": by_soft_actor_critic, "policy_gradient": by_policy_gradient}
PLANTED = ("Cc1ccccc1C(N)=O", "Cc1ccc(C(N)=O)cc1", "CN1CCN(C(N)=O)CC1", "CCNC(=O)c1ccccc1", "Cc1ccc(O)nc1")
SMALL = {"epochs": 3, "molecules": 12, "width": 8, "updates": 1, "batch_size": 8, "retrain_from": 2}


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment(vocabulary(), steps=2)


def problem(environment: Environment, budget: int | None = None, seed: int = 0, **options: Any) -> Problem:
    """Return the search of a release that knows all rings, all motifs, and what is part of a planted molecule."""
    words, planted = environment.vocabulary, part_of(PLANTED)
    blocks = {block.smiles for block in (*words.rings, *words.motifs)}
    made = problem_of(environment, lambda smiles: smiles in blocks or planted(smiles), budget, seed)
    made.options.update(options)
    return made


@pytest.mark.parametrize(
    ("search", "epochs", "updates", "more"),
    [("policy_gradient", 12, 1, 0.3), pytest.param("policy", 20, 40, 0.1, marks=pytest.mark.slow)],
)
def test_what_is_planted_is_grown_ever_more_often(search: str, epochs: int, updates: int, more: float) -> None:
    """Catches a search that learns nothing of what the release answers, or learns to avoid it."""
    few = Environment(vocabulary(RINGS[:3], MOTIFS[:8]), steps=2)
    options = {"molecules": 64, "width": 32, "temperature": 0.1, "polyak": 0.9, "epochs": epochs, "updates": updates}
    searched = problem(few, **options)
    grown = SEARCHES[search](searched, 10**6)
    rewards = searched.judge(grown).rewards
    of_epochs = rewards.reshape(epochs, 64).mean(1)
    assert of_epochs[-4:].mean() > of_epochs[:4].mean() + more
    best = few.smiles(grown.take(np.argsort(-rewards, kind="stable")[:3]))
    assert all(part_of(PLANTED)(smiles) for smiles in best)


@pytest.mark.parametrize("search", SEARCHES)
def test_equal_seeds_grow_equal_molecules_and_others_others(environment: Environment, search: str) -> None:
    """Catches a draw from a global generator, and one of the two seeds that is fixed."""
    lists = []
    for seed, other in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(other)
        np.random.seed(other)  # noqa: NPY002
        lists.append(SEARCHES[search](problem(environment, seed=seed, **SMALL), 10**6).paths())
    assert lists[0] == lists[1] != lists[2]


@pytest.mark.parametrize("search", SEARCHES)
def test_a_budget_ends_the_search_with_whole_roll_outs(environment: Environment, search: str) -> None:
    """Catches queries beyond the budget, and molecules in the list that were never asked about."""
    searched = problem(environment, budget=60, **SMALL | {"epochs": 50})
    grown = SEARCHES[search](searched, 10**6)
    assert 57 <= searched.oracle.asked <= 60
    assert len(searched.judge(grown)) == len(grown)


@pytest.mark.parametrize("search", SEARCHES)
def test_as_many_molecules_as_are_enough_end_the_search(environment: Environment, search: str) -> None:
    """Catches a search that goes on to the last epoch whatever it is asked for."""
    grown = SEARCHES[search](problem(environment, **SMALL | {"epochs": 50}), 20)
    assert 20 <= len(grown) <= 36


@pytest.mark.parametrize("chooser", ["policy", "random"])
def test_every_action_that_is_drawn_can_be(environment: Environment, chooser: str) -> None:
    """Catches masks that differ from the environment's, and sites counted in another molecule than theirs."""
    motifs, generator = motifs_of(environment), torch.Generator().manual_seed(0)
    drawn = by_policy(Policy(8), motifs, generator) if chooser == "policy" else at_random(motifs, generator)
    state = roll_out(environment, motifs, np.arange(len(environment.rings)).repeat(20), drawn).state
    assert state.done.all()
    assert not state.failed.any()
    assert (state.taken > 0).all()


def test_each_fragment_is_one_motif_at_each_site_that_looks_different() -> None:
    """Catches motifs that nothing can be joined to, fragments that count double, and places among the shown ones."""
    environment = Environment(vocabulary(motifs=("*CC(C)C", "*Cl", "CC(*)(C)C", "*C#N", "*c1ccccc1")), steps=1)
    environment.usable[1] = False
    motifs, generator = motifs_of(environment), torch.Generator().manual_seed(0)
    assert motifs.block.tolist() == [0, 3, 4]
    assert np.bincount(motifs.motif).tolist() == [2, 1, 1]
    rings = np.arange(len(environment.rings)).repeat(20)
    state = roll_out(environment, motifs, rings, at_random(motifs, generator)).state
    assert not state.failed.any()
    assert set(state.actions[:, 0, 1]) == {0, 3, 4}


def test_steps_of_a_roll_out_are_rewarded_for_valency_at_once_and_for_scores_at_the_end() -> None:
    """Catches scores that are paid at the step they belong to, without 0.99^i, or twice."""
    verdicts = Verdicts(
        np.full((3, 3), None, object),
        np.array([[1.0, 0.5], [0.25, np.nan], [np.nan, np.nan]]),
        np.array([[True, True], [True, False], [False, False]]),
        np.zeros(3),
    )
    rewards = rewards_of_steps(verdicts, np.array([2, 1, 0]))
    assert rewards == pytest.approx(np.array([[0.05, 0.05 + 0.99 + 0.9801 * 0.5], [0.05 + 0.99 * 0.25, 0], [0, 0]]))


def test_steps_lead_to_what_the_environment_made_of_them(environment: Environment) -> None:
    """Catches a replay whose next molecule is another episode's, and rewards of other roll-outs."""
    searched, motifs = problem(environment), motifs_of(environment)
    rollout = roll_out(environment, motifs, np.arange(8).repeat(3), at_random(motifs, torch.Generator().manual_seed(0)))
    verdicts = searched.judge(rollout.state)
    steps = rollout.steps(verdicts, episode=100)
    assert (steps.episode >= 100).all()
    total = np.zeros(24)
    np.add.at(total, steps.episode - 100, steps.reward)
    assert total == pytest.approx(verdicts.rewards)
    goes_on = np.flatnonzero(steps.after >= 0)
    grown = steps.before.take(steps.after[goes_on])
    made = rollout.state.take(steps.episode[goes_on] - 100).after(1).graph
    assert (grown.elements == made.graphs.atoms[:, 0]).all()
    assert (grown.sites == made.open).all()


def test_replayed_steps_are_rewarded_by_the_scorer_as_it_is_now(environment: Environment) -> None:
    """Catches rewards of a scorer that has learned since, and of other steps than those that are replayed."""
    searched, motifs = problem(environment), motifs_of(environment)
    rollout = roll_out(environment, motifs, np.arange(8), at_random(motifs, torch.Generator().manual_seed(0)))
    steps = rollout.steps(searched.judge(rollout.state), episode=0)
    wanted, rows = steps.reward.copy(), np.array([9, 2, 2, 0])
    steps.reward[:] = 7
    reward_anew(searched, steps, rows, rollout.state)
    assert steps.reward[rows] == pytest.approx(wanted[rows])
    assert (np.delete(steps.reward, rows) == 7).all()


@pytest.mark.parametrize("search", ["policy", "policy_gradient"])
def test_a_policy_that_diverges_says_so(environment: Environment, search: str) -> None:
    """Catches sites drawn from memory that nobody wrote to, where no probability is a number."""
    with pytest.raises(NumericalError, match=r"lower attack\.policy\.learning_rate"):
        SEARCHES[search](problem(environment, **SMALL | {"learning_rate": 1e30, "epochs": 6}), 10**6)


def test_a_bad_option_of_the_policy_is_refused_before_anything_is_asked() -> None:
    """Catches options that nobody looks at until the scorer is trained."""
    with pytest.raises(InputError, match=r"attack\.policy\.width=0"):
        SearchOptions("policy", policy={"width": 0})
