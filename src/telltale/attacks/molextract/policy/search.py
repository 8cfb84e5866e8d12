"""`attack.search=policy` and `policy_gradient`: grow, ask and score, learn, in turn (paper, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np
import torch

from telltale.attacks.molextract.growth.problem import Problem
from telltale.attacks.molextract.growth.state import State, concatenated
from telltale.attacks.molextract.policy.network import Policy
from telltale.attacks.molextract.policy.options import PolicyOptions
from telltale.attacks.molextract.policy.policy_gradient import PolicyGradient
from telltale.attacks.molextract.policy.replay import Replay, Steps
from telltale.attacks.molextract.policy.rollout import at_random, by_policy, motifs_of, rewards_of_steps, roll_out
from telltale.attacks.molextract.policy.soft_actor_critic import SoftActorCritic
from telltale.attacks.molextract.policy.views import Motifs
from telltale.data.seeds import derive, generator
from telltale.progress import track
from telltale.threads import one_thread

Learn = Callable[[Steps, State, bool], None]  # of an epoch's steps, all roll-outs so far, and whether they score anew


def by_soft_actor_critic(problem: Problem, most: int) -> State:
    """Search by soft actor-critic: random actions at first, then the policy's; every step is kept for replay.

    A step that is replayed is rewarded by the scorer as it is now, not as it was when the molecule was grown.
    """
    options, motifs = PolicyOptions.of(problem.options), motifs_of(problem.environment)
    learner, replay = SoftActorCritic(motifs, options, derive(problem.seed, "policy")), Replay(options.replay)
    rng = generator(problem.seed, "replay")

    def learn(steps: Steps, grown: State, scored_anew: bool) -> None:
        replay.add(steps)
        rows = rng.integers(len(replay.steps), size=(options.updates, options.batch_size))
        if scored_anew:
            reward_anew(problem, replay.steps, rows.ravel(), grown)
        for batch in rows:
            learner.update(replay.steps.take(batch))

    at_first = ceil(round(options.random_share * options.epochs, 9))  # 0.07 of 100 are 7, in floats a little more
    return _searched(problem, most, learner.policy, motifs, learn, at_first, "growing by soft actor-critic")


def by_policy_gradient(problem: Problem, most: int) -> State:
    """Search by plain policy gradient: each epoch's molecules are learned of once."""
    options, motifs = PolicyOptions.of(problem.options), motifs_of(problem.environment)
    learner = PolicyGradient(motifs, options, derive(problem.seed, "policy"))

    def learn(steps: Steps, grown: State, scored_anew: bool) -> None:
        learner.update(steps)

    return _searched(problem, most, learner.policy, motifs, learn, 0, "growing by policy gradient")


def reward_anew(problem: Problem, steps: Steps, rows: np.ndarray, grown: State) -> None:
    """Reward the steps at `rows` by the scorer as it is now; grown: all episodes. All of them were asked about."""
    episodes, place = np.unique(steps.episode[rows], return_inverse=True)
    state = grown.take(episodes)
    table = rewards_of_steps(problem.judge(state), state.taken)
    stage = problem.environment.steps - steps.before.steps_left[rows]
    steps.reward[rows] = table[place, stage]


def _searched(
    problem: Problem, most: int, policy: Policy, motifs: Motifs, learn: Learn, at_first: int, description: str
) -> State:
    """Grow molecules epoch by epoch, until the epochs or the budget end or there are `most` different ones.

    at_first: epochs in which actions are drawn at random.
    """
    options, environment = PolicyOptions.of(problem.options), problem.environment
    rng = generator(problem.seed, "rings")
    noise = torch.Generator().manual_seed(derive(problem.seed, "actions"))
    grown: State | None = None
    known: set[str] = set()
    for epoch in track(range(options.epochs), description):
        rings = rng.permutation(np.resize(rng.permutation(problem.rings), options.molecules))
        with one_thread():  # on several, the digits would depend on their number
            chooser = at_random(motifs, noise) if epoch < at_first else by_policy(policy, motifs, noise)
            rollout = roll_out(environment, motifs, rings, chooser)
        verdicts, episode = problem.judge(rollout.state), 0 if grown is None else len(grown)
        judged = rollout.state.take(np.arange(len(verdicts)))
        grown = judged if grown is None else concatenated([grown, judged])
        known.update(environment.smiles(judged).tolist())
        if len(judged) < len(rings) or len(known) >= most:
            break
        if scored_anew := epoch + 1 >= options.retrain_from:
            problem.relearn(judged, options.scorer_steps)
        with one_thread():
            learn(rollout.steps(verdicts, episode), grown, scored_anew)
    assert grown is not None
    return grown
