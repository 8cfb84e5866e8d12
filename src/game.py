"""The game between owner and attacker: it alone knows who is in which model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from src.data.pools import Pools
from src.data.records import Records
from src.data.seeds import derive, generator
from src.errors import InputError
from src.training.recipe import Recipe
from src.training.release import Release
from src.truth import Truth


@dataclass(frozen=True)
class Knowledge:
    """What the attacker knows before the first query.

    challenge: points to be judged, in an order independent of membership; query_budget: None = unlimited.
    """

    auxiliary: Any
    population: Any
    public: Any
    challenge: Any
    recipe: Recipe
    seed: int
    query_budget: int | None = None


@dataclass(frozen=True)
class World:
    """All that an attack ever sees: one release per victim, and its knowledge.

    _shadows: for each victim the other victims' models and a copy of their membership rows; with one victim there
    is none, and nothing here tells its members.
    """

    releases: tuple[Release, ...]
    knowledge: Knowledge
    _shadows: tuple[tuple[tuple[Release, ...], np.ndarray], ...]

    def shadows(self, victim: int) -> tuple[tuple[Release, ...], np.ndarray]:
        """Return the other victims as shadow models of `victim`, with their membership rows, never its own.

        Leave-one-out: (models - 1) releases and (models - 1, challenge points) bool. Asking them costs no query:
        the attacker trained them.
        """
        return self._shadows[victim]

    @property
    def queries(self) -> Counter[str]:
        """Count the records asked for, by call, over all victims."""
        return sum((release.queries for release in self.releases), Counter())

    def fresh(self) -> Self:
        """Return the same world with query counters at zero: for a rival."""
        return self.with_releases(
            tuple(release.restricted(release.access, release.budget) for release in self.releases)
        )

    def with_releases(self, releases: tuple[Release, ...]) -> Self:
        """Return a world with other releases and the same shadows: for a control."""
        return replace(self, releases=releases)


class Game:
    """Draws each victim's members, has the owner train, shows worlds, and unseals the truth once.

    Victim v is trained on `pools.members` records drawn at random from the challenge pool.
    """

    def __init__(self, pools: Pools[Any], recipe: Recipe, victims: int, seed: int) -> None:
        if isinstance(victims, bool) or not isinstance(victims, int) or victims < 1:
            raise InputError("victims", victims, "a whole number from 1")
        self.pools, self.recipe, self.victims, self.seed = pools, recipe, victims, seed
        self._members = np.zeros((victims, len(pools.challenge)), bool)
        for victim in range(victims):
            rng = generator(seed, "membership", victim)
            self._members[victim, rng.choice(len(pools.challenge), pools.members, replace=False)] = True
        self._shown = self._points_shown()
        self.unsealed = False

    def _points_shown(self) -> np.ndarray:
        """Choose the challenge points: balanced for one victim, all of them for several."""
        rng = generator(self.seed, "challenge")
        if self.victims > 1:
            return rng.permutation(len(self.pools.challenge))
        members, others = np.flatnonzero(self._members[0]), np.flatnonzero(~self._members[0])
        each = min(len(members), len(others))
        return rng.permutation(np.concatenate([rng.permutation(members)[:each], rng.permutation(others)[:each]]))

    @cached_property
    def knowledge(self) -> Knowledge:
        """Return what the attacker knows; nothing is trained for it."""
        pools = self.pools
        challenge = pools.challenge.take(self._shown)
        return Knowledge(
            pools.auxiliary,
            pools.population,
            pools.public,
            challenge,
            self.recipe,
            derive(self.seed, "attacker"),
        )

    @cached_property
    def _releases(self) -> list[Release]:
        seeds = [derive(self.seed, "victim", victim) for victim in range(self.victims)]
        names = ["target"] if self.victims == 1 else [f"target {victim}" for victim in range(self.victims)]
        return self.recipe.train_many(self.pools.challenge, self._members, seeds, names)

    def world(self, access: frozenset[str]) -> World:
        """Have the victims trained and show them under a threat model."""
        releases = tuple(release.restricted(access, self.knowledge.query_budget) for release in self._releases)
        return World(releases, self.knowledge, tuple(self._shadows(victim, access) for victim in range(self.victims)))

    def _shadows(self, victim: int, access: frozenset[str]) -> tuple[tuple[Release, ...], np.ndarray]:
        others = [*self._releases[:victim], *self._releases[victim + 1 :]]
        rows = np.delete(self._members, victim, axis=0)[:, self._shown]  # a copy, without the victim's own row
        rows.setflags(write=False)
        return tuple(other.restricted(access) for other in others), rows

    def unseal(self) -> Truth:
        """Open the truth, after all evidence is in."""
        self.unsealed = True
        members = tuple(self.pools.challenge.take(np.flatnonzero(row)) for row in self._members)
        return Truth(self._members[:, self._shown], members, self.pools.disjoint)

    def utility(self) -> dict[str, float]:
        """Measure how well the owners' own task is learned, averaged over victims."""
        test: Records = self.pools.test
        if not len(test):
            return {}
        measured = [self.recipe.success(release, test) for release in self._releases]
        return {name: float(np.mean([one[name] for one in measured])) for name in measured[0]}
