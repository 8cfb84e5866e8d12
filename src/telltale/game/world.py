"""What an attack sees: the releases, what the attacker knows, and shadow models with their membership."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from telltale.data.seeds import generator
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release

# in an attack's `access`: it is told of some points to be judged whether they are members, see `Given`
TARGET_MEMBERS, TARGET_NON_MEMBERS = "target_members", "target_non_members"


@dataclass(frozen=True)
class Given:
    """Points to be judged whose membership the attacker was told, each kind in an order of its own; None = not told.

    members      half of those that are members
    non_members  all those that are not
    """

    members: Any = None
    non_members: Any = None


@dataclass(frozen=True)
class Knowledge:
    """What the attacker knows before the first query.

    auxiliary       records of the attacker's own
    population      more of them, for attacks that ask for a sample of everybody
    public          records known to all
    challenge       points to be judged, in an order independent of membership
    recipe          what the owner does, which the attacker repeats
    owner           who trains the attacker's own models: it plays an owner
    seed            of all that the attacker draws
    victims         how many models are attacked
    shadow_models   how many more there are
    query_budget    records that may be asked for, None = unlimited
    fewest          over all victims and points, the fewest shadows with and without a point
    given           points whose membership it was told: none, unless its `access` names them
    """

    auxiliary: Any
    population: Any
    public: Any
    challenge: Any
    recipe: Recipe
    owner: Owner
    seed: int
    victims: int = 1
    shadow_models: int = 0
    query_budget: int | None = None
    fewest: tuple[int, int] = (0, 0)
    given: Given = Given()

    @property
    def models(self) -> int:
        """Count victims and shadow models."""
        return self.victims + self.shadow_models


@dataclass(frozen=True)
class World:
    """All that an attack ever sees: one release per victim, and its knowledge.

    _shadows: for each victim the other models and a copy of their tables of members; with one model there is none, and
    nothing here tells its members. _mistold: seed of a control, see `as_told`.
    """

    releases: tuple[Release, ...]
    knowledge: Knowledge
    _shadows: tuple[tuple[tuple[Release, ...], np.ndarray], ...]
    _mistold: int | None = None

    def shadows(self, victim: int) -> tuple[tuple[Release, ...], np.ndarray]:
        """Return the other models as shadow models of `victim`, with their tables of members, never its own.

        Leave-one-out: (shadows) releases and (shadows, challenge points) bool. The model trained on exactly the
        records that the victim was not is left out too: its row would tell the victim's. Asking shadows costs no
        query: the attacker trained them.
        """
        return self._shadows[victim]

    def as_told(self, members: np.ndarray) -> np.ndarray:
        """Return what the attacker believes of shadows it trained on records of its own: (shadows, points) bool.

        The truth, but in the control `shuffled_shadows`: there each says of its points in another order.
        """
        if self._mistold is None:
            return members
        rng = generator(self._mistold, "told")
        return np.stack([rng.permutation(row) for row in members])

    def with_mistold_shadows(self, seed: int) -> Self:
        """Return a world in which the attacker is wrong about shadows of its own: for a control."""
        return replace(self, _mistold=seed)

    @property
    def queries(self) -> Counter[str]:
        """Count the records asked for, by call, over all victims."""
        return sum((release.queries for release in self.releases), Counter())

    def with_owner(self, owner: Owner) -> Self:
        """Return a world whose attacker has its own models trained by another owner: for a variant."""
        return replace(self, knowledge=replace(self.knowledge, owner=owner))

    def with_releases(self, releases: tuple[Release, ...]) -> Self:
        """Return a world with other releases and the same shadows: for a control."""
        return replace(self, releases=releases)

    def with_members(self, members: Sequence[np.ndarray]) -> Self:
        """Return a world whose shadow models come with other membership, one table a victim: for a control."""
        pairs = zip(self._shadows, members, strict=True)
        return replace(self, _shadows=tuple((releases, table) for (releases, _), table in pairs))
