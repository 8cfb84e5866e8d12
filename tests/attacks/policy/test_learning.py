"""Soft actor-critic and policy gradient against optima that are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from telltale.attacks.molextract.policy.options import PolicyOptions
from telltale.attacks.molextract.policy.policy_gradient import PolicyGradient, advantages
from telltale.attacks.molextract.policy.replay import Replay, Steps
from telltale.attacks.molextract.policy.soft_actor_critic import SoftActorCritic
from telltale.errors import InputError
from telltale.threads import one_thread
from tests.attacks.policy.toy import ENDS, MOTIFS, SITES, START, every_episode, seconds, soft_optimum

# The first step pays for action 0, after which nothing is left to gain; action 4 pays nothing, and leads to the best.
FIRST = np.array([0.3, 0, 0, 0, 0, 0])
SECOND = np.array([[-0.8, -0.6, -0.9], [-0.5] * 3, [-0.5] * 3, [-0.5] * 3, [0.2, 1.0, 0.1], [-0.5] * 3])
GREEDY, BEST = 0, 4


def policies(learner: SoftActorCritic | PolicyGradient) -> tuple[np.ndarray, np.ndarray]:
    """Return π of the first step, (6,), and of the second, (6, 3)."""
    with torch.no_grad():
        first, second = (learner.policy.table(view.tensors, MOTIFS).exp().numpy() for view in (START, seconds()))
    return first.ravel(), second


def soft_actor_critic(updates: int, **options: object) -> SoftActorCritic:
    settings = PolicyOptions(**{"width": 64, "polyak": 0.8, **options})
    learner, batch = SoftActorCritic(MOTIFS, settings, 0), every_episode(FIRST, SECOND).take(np.arange(36))
    with one_thread():
        for _ in range(updates):
            learner.update(batch)
    return learner


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest total variation between two policies."""
    return float(abs(one - other).sum(-1).max() / 2)


@pytest.mark.parametrize(
    ("temperature", "updates", "near"), [(0.3, 200, 0.1), pytest.param(1.0, 500, 0.06, marks=pytest.mark.slow)]
)
def test_soft_actor_critic_learns_the_soft_optimum_of_two_steps(temperature: float, updates: int, near: float) -> None:
    """Catches values that do not reach the step before, an entropy with the wrong sign or weight, greedy growth."""
    learned = policies(soft_actor_critic(updates, temperature=temperature))
    wanted = soft_optimum(FIRST, SECOND, temperature)
    assert learned[0].argmax() == wanted[0].argmax() == BEST
    for one, other in zip(learned, wanted, strict=True):
        assert distance(one, other) < near
        assert distance(np.full_like(other, 1 / other.shape[-1]), other) > 3 * near  # equal probabilities would not do


def test_a_learned_temperature_falls_to_its_floor_where_the_entropy_is_above_its_target() -> None:
    """Catches a temperature that grows, or falls below 0.05, or is not learned at all."""
    learner = soft_actor_critic(5, width=8, temperature="learned")
    assert 0.996 < learner.temperature < 1
    assert not learner.log_temperature.isnan()
    with torch.no_grad():
        learner.log_temperature.fill_(np.log(0.0501))
    for _ in range(5):
        learner._cool(entropy=5.0)
    assert learner.temperature == pytest.approx(0.05)


def test_what_critics_should_say_is_the_reward_and_the_targets_soft_value() -> None:
    """Catches a value after an episode's end, a discount, and the larger of both critics in place of the smaller."""
    learner = SoftActorCritic(MOTIFS, PolicyOptions(width=8, temperature=0.5), 0)
    steps = every_episode(FIRST, SECOND)
    batch = steps.take(np.array([13, 31]))  # an episode's first step, action 4, and its last, of reward 1
    view, (first, second) = seconds().take(np.array([4])).tensors, learner.targets
    with torch.no_grad():
        log_probs = learner.policy.table(view, MOTIFS)
        least = torch.minimum(first.table(view, MOTIFS), second.table(view, MOTIFS))
        value = float((log_probs.exp() * (least - 0.5 * log_probs)).sum())
    assert learner.wanted(batch).tolist() == pytest.approx([value, 1.0], abs=1e-5)


def test_targets_follow_slowly() -> None:
    """Catches targets that are the critics, or never move."""
    learner = SoftActorCritic(MOTIFS, PolicyOptions(width=8, polyak=0.75), 0)
    before = [one.clone() for one in learner.targets.parameters()]
    learner.update(every_episode(FIRST, SECOND).take(np.arange(36)))
    for old, target, critic in zip(before, learner.targets.parameters(), learner.critics.parameters(), strict=True):
        assert target.detach().numpy() == pytest.approx((0.75 * old + 0.25 * critic).detach().numpy(), abs=1e-6)


def test_policy_gradient_finds_what_the_greedy_step_misses() -> None:
    """Catches a step that is paid for itself alone, and a baseline with the wrong sign."""
    learner, steps = PolicyGradient(MOTIFS, PolicyOptions(width=32), 0), every_episode(FIRST, SECOND)
    rng, n = np.random.default_rng(0), SITES * ENDS * ENDS
    with one_thread():
        for _ in range(60):
            first, second = policies(learner)
            episodes = rng.choice(n, 64, p=(first[:, None] * second).ravel() / (first[:, None] * second).sum())
            rows = np.concatenate([episodes, n + episodes])
            learner.update(only(steps, rows))
    first, second = policies(learner)
    assert first[BEST] > 0.9
    assert second[BEST, 1] > 0.9


def only(steps: Steps, rows: np.ndarray) -> Steps:
    """Return episodes, some of them more than once: their first steps, then their second."""
    half = len(rows) // 2
    after = np.concatenate([half + np.arange(half), np.full(half, -1)])
    columns = {name: getattr(steps, name)[rows] for name in ("site", "motif", "end", "reward")}
    return Steps(steps.before.take(rows), after=after, episode=np.tile(np.arange(half), 2), **columns)


def test_an_advantage_is_what_an_episode_has_on_the_mean_of_the_others() -> None:
    """Catches a baseline with the episode itself in it, and steps compared with those of another stage."""
    steps = only(every_episode(FIRST, SECOND), np.array([0, 13, 18, 31]))
    # returns: 0.3 - 0.8 and 0 + 1 from the first steps, -0.8 and 1 from the second
    assert steps.returns() == pytest.approx([-0.5, 1.0, -0.8, 1.0])
    assert advantages(steps) == pytest.approx([-1.5, 1.5, -1.8, 1.8])


def test_a_full_replay_forgets_the_oldest_roll_outs_whole() -> None:
    """Catches episodes whose second step is gone, or leads to another episode's molecule."""
    replay, steps = Replay(most=80), every_episode(FIRST, SECOND)
    for _ in range(3):
        replay.add(steps)
    assert len(replay.steps) == 72
    goes_on = np.flatnonzero(replay.steps.after >= 0)
    led_to = replay.steps.before.take(replay.steps.after[goes_on]).elements
    taken = replay.steps.site[goes_on] * ENDS + replay.steps.end[goes_on]
    assert (led_to == 20 + taken).all()
    assert (replay.steps.episode[replay.steps.after[goes_on]] == replay.steps.episode[goes_on]).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("temperature", "cold"), ("temperature", 0.0), ("polyak", 1.0), ("entropy", 1), ("updates", 1.5)],
)
def test_an_option_that_cannot_be_is_refused_by_name(name: str, value: object) -> None:
    """Catches a misspelt option that is ignored, and a value that fails in the middle of the search."""
    with pytest.raises(InputError, match=r"attack\.policy") as told:
        PolicyOptions.of({name: value})
    assert str(value) in str(told.value) or name in str(told.value)
