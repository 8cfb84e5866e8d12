"""The game between owner and attacker: it alone knows who is in which model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from telltale.data.captions.withheld import granted
from telltale.data.pools import Pools
from telltale.data.seeds import derive, generator
from telltale.errors import InputError
from telltale.game.usefulness import mean_of, success
from telltale.models.stored_bits import stored_bits
from telltale.owner.preparation import examples_of
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.truth import Truth


@dataclass(frozen=True)
class Knowledge:
    """What the attacker knows before the first query.

    challenge: points to be judged, in an order independent of membership; victims: how many models are attacked;
    shadow_models: how many more there are; query_budget: None = unlimited; fewest: over all victims and points, the
    fewest shadows with and without a point.
    """

    auxiliary: Any
    population: Any
    public: Any
    challenge: Any
    recipe: Recipe
    seed: int
    victims: int = 1
    shadow_models: int = 0
    query_budget: int | None = None
    fewest: tuple[int, int] = (0, 0)

    @property
    def models(self) -> int:
        """Count victims and shadow models."""
        return self.victims + self.shadow_models


@dataclass(frozen=True)
class World:
    """All that an attack ever sees: one release per victim, and its knowledge.

    _shadows: for each victim the other models and a copy of their membership rows; with one model there is none, and
    nothing here tells its members. _mistold: seed of a control, see `as_told`.
    """

    releases: tuple[Release, ...]
    knowledge: Knowledge
    _shadows: tuple[tuple[tuple[Release, ...], np.ndarray], ...]
    _mistold: int | None = None

    def shadows(self, victim: int) -> tuple[tuple[Release, ...], np.ndarray]:
        """Return the other models as shadow models of `victim`, with their membership rows, never its own.

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

    def with_recipe(self, recipe: Recipe) -> Self:
        """Return a world whose attacker trains its own models by another recipe: for a variant."""
        return replace(self, knowledge=replace(self.knowledge, recipe=recipe))

    def with_releases(self, releases: tuple[Release, ...]) -> Self:
        """Return a world with other releases and the same shadows: for a control."""
        return replace(self, releases=releases)

    def with_rows(self, rows: Sequence[np.ndarray]) -> Self:
        """Return a world whose shadow models come with other membership rows, one table a victim: for a control."""
        return replace(self, _shadows=tuple((one, row) for (one, _), row in zip(self._shadows, rows, strict=True)))


class Game:
    """Draws each victim's members, has the owner train, shows worlds, and unseals the truth once.

    Model m is trained on `pools.members` records drawn at random from the challenge pool; the first `victims` models
    are attacked, `shadow_models` more are only shadows of theirs. Where members are half of the pool, models 2i and
    2i + 1 share no record: every point is then in exactly half of the models, and more models leave the rows of the
    first ones as they are. With `pools.canaries`, members are in every model, each canary by a coin, and only
    canaries are shown.
    """

    def __init__(self, pools: Pools[Any], recipe: Recipe, victims: int, seed: int, shadow_models: int = 0) -> None:
        for field, number, least in (("victims", victims, 1), ("shadow_models", shadow_models, 0)):
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise InputError(field, number, f"a whole number from {least}")
        if pools.assigned and victims + shadow_models > 1:  # all have the same members: one's row would tell another's
            field, value = ("shadow_models", shadow_models) if shadow_models else ("victims", victims)
            raise InputError(field, value, "one victim alone: where a record is from says which models have it")
        if pools.canaries:  # their coins decide how many records a model has, which no private rate may tell
            recipe = recipe.with_public_records(pools.members + pools.canaries // 2)
        self.pools, self.recipe, self.victims, self.seed = pools, recipe, victims, seed
        self.models = victims + shadow_models
        self._paired = 2 * pools.members == len(pools.challenge) and not pools.canaries and not pools.assigned
        self._members = np.stack([self._draw(model) for model in range(self.models)])
        self._shown = self._points_shown()
        self.unsealed = False

    def _draw(self, model: int) -> np.ndarray:
        if self._paired and model % 2:
            return ~self._draw(model - 1)
        return drawn(self.pools, generator(self.seed, "membership", model))

    def _points_shown(self) -> np.ndarray:
        """Choose the challenge points: balanced for one model, all of them for several; canaries, whose coins tell
        nothing of each other, always all.
        """
        rng = generator(self.seed, "challenge")
        if self.pools.canaries:
            return self.pools.members + rng.permutation(self.pools.canaries)
        if self.models > 1:
            return rng.permutation(len(self.pools.challenge))
        members, others = np.flatnonzero(self._members[0]), np.flatnonzero(~self._members[0])
        each = min(len(members), len(others))
        return rng.permutation(np.concatenate([rng.permutation(members)[:each], rng.permutation(others)[:each]]))

    @cached_property
    def knowledge(self) -> Knowledge:
        """Return what the attacker knows; nothing is trained for it."""
        pools = self.pools
        challenge = pools.challenge.take(self._shown)
        if pools.assigned:  # where a record is from tells whether it is a member
            challenge = challenge.unmarked()
        return Knowledge(
            pools.auxiliary,
            pools.population,
            pools.public,
            challenge,
            self.recipe,
            derive(self.seed, "attacker"),
            self.victims,
            self.models - self.victims,
            fewest=self._fewest(),
        )

    def knowledge_of(self, access: frozenset[str]) -> Knowledge:
        """Return what the attacker knows under a threat model: captions of the points to be judged only if named."""
        return replace(self.knowledge, challenge=granted(self.knowledge.challenge, access))

    def _fewest(self) -> tuple[int, int]:
        tables = [self._members[others][:, self._shown] for others in map(self._shadows_of, range(self.victims))]
        return tuple(min(int(side.sum(0).min()) for side in sides) for sides in (tables, [~one for one in tables]))  # type: ignore[return-value]

    def retrained(self, recipe: Recipe, name: str) -> list[Release]:
        """Have the victims trained by another recipe, on the same records and from the same seeds."""
        rows, seeds = zip(*self.victims_of_owner(), strict=True)
        members = self._members[: self.victims]
        names = [f"{name} {victim}" if self.victims > 1 else name for victim in range(len(rows))]
        return recipe.train_many(self.pools.challenge, members, seeds, names)

    def benign(self) -> list[Release]:
        """Have them trained by the owner's recipe as it was before anyone added code to it."""
        return self.retrained(self.recipe.replace(added_code=()), "benign")

    def examples(self, number: int = 8) -> Mapping[str, Any]:
        """Return some of the first victim's records and what a data stage made of them: for the report."""
        (rows, seed), pool = self.victims_of_owner()[0], self.pools.challenge
        own = self.recipe.of_models(pool, self._members[:1], [seed], ["target"])[0]
        return examples_of(pool.take(rows), own.stages, seed, number)

    def released(self) -> list[Release]:
        """Return the victims' releases with all their calls: for the evaluation, not for an attack."""
        return self._releases[: self.victims]

    def victims_of_owner(self) -> list[tuple[np.ndarray, int]]:
        """Return rows of the challenge pool and seed that each victim is trained with."""
        seeds = [derive(self.seed, "victim", model) for model in range(self.victims)]
        return [(np.flatnonzero(row), seed) for row, seed in zip(self._members, seeds, strict=False)]

    def world_of(self, releases: Sequence[Release], access: frozenset[str]) -> World:
        """Return the world of other releases of the victims under a threat model."""
        budget = self.knowledge.query_budget
        return self.world(access).with_releases(tuple(one.restricted(access, budget) for one in releases))

    @cached_property
    def _releases(self) -> list[Release]:
        seeds = [derive(self.seed, "victim", model) for model in range(self.models)]
        names = ["target"] if self.models == 1 else [f"target {model}" for model in range(self.victims)]
        names += [f"shadow {model}" for model in range(self.victims, self.models)]
        return self.recipe.train_many(self.pools.challenge, self._members, seeds, names)

    @cached_property
    def _pretrained(self) -> list[Release]:
        assert self.recipe.start is not None, "only a transfer has pre-trained models"
        seeds = [derive(self.seed, "victim", model) for model in range(self.models)]
        names = [f"{release.name} (pre-training)" for release in self._releases]
        return self.recipe.start.train_many(self.pools.challenge, self._members, seeds, names)

    def world(self, access: frozenset[str], before_transfer: bool = False) -> World:
        """Have the victims trained and show them under a threat model.

        before_transfer: show the pre-trained models, which no attacker sees, instead of those fine-tuned from them.
        """
        models, budget = self._pretrained if before_transfer else self._releases, self.knowledge.query_budget
        releases = tuple(release.restricted(access, budget) for release in models[: self.victims])
        shadows = tuple(self._shadows(victim, access, models) for victim in range(self.victims))
        return World(releases, self.knowledge_of(access), shadows)

    def _shadows_of(self, victim: int) -> list[int]:
        telling = {victim, victim ^ 1} if self._paired else {victim}
        return [other for other in range(self.models) if other not in telling]

    def _shadows(
        self, victim: int, access: frozenset[str], models: Sequence[Release]
    ) -> tuple[tuple[Release, ...], np.ndarray]:
        others = self._shadows_of(victim)
        rows = self._members[others][:, self._shown]  # a copy
        rows.setflags(write=False)
        return tuple(models[other].restricted(access) for other in others), rows

    def unseal(self) -> Truth:
        """Open the truth, after all evidence is in."""
        self.unsealed = True
        attacked = self._members[: self.victims]
        members = tuple(self.pools.challenge.take(np.flatnonzero(row)) for row in attacked)
        references = getattr(self.knowledge.challenge, "references", ())
        return Truth(attacked[:, self._shown], members, self.pools.disjoint, references)

    def utility(self) -> dict[str, float]:
        """Measure the owners' own task, averaged over victims: on test records, and under `train_…` on their own.

        In a transfer it is the downstream task; what was pre-trained is measured under `pretrained_…`.
        """
        rows, start = self._members[: self.victims], self.recipe.start
        if start is None:
            found = success(self.recipe, self._releases, self.pools.challenge, rows, self.pools.test)
            return found | self._size()
        seeds = [derive(self.seed, "victim", victim) for victim in range(self.victims)]
        drawn = np.stack([self.recipe.finetuning_row(seed) for seed in seeds])
        first = success(start, self._pretrained, self.pools.challenge, rows, self.pools.test)
        return success(self.recipe, self._releases, self.pools.finetune, drawn, self.pools.finetune_test) | {
            f"pretrained_{name}": value for name, value in first.items()
        }

    def _size(self) -> dict[str, float]:
        """Return what the releases take where they are compressed, averaged over victims."""
        if not self.recipe.stage("model") + self.recipe.stage("finish"):
            return {}
        weights = [one.restricted(frozenset({"weights"})).weights() for one in self.released()]
        sizes = [{"stored_bits": float(stored_bits(one))} for one in weights]
        return mean_of(sizes) | {
            "bits_per_weight": mean_of(sizes)["stored_bits"] / sum(x.size for x in weights[0].values())
        }


def drawn(pools: Pools[Any], rng: np.random.Generator) -> np.ndarray:
    """Draw one model's records: (challenge pool,) bool; as many as `members`, or all of them and a coin a canary.

    Where they are assigned, the first ones.
    """
    row = np.zeros(len(pools.challenge), bool)
    if pools.canaries:
        row[: pools.members], row[pools.members :] = True, rng.random(pools.canaries) < 0.5
    elif pools.assigned:
        row[: pools.members] = True
    else:
        row[rng.choice(len(row), pools.members, replace=False)] = True
    return row
