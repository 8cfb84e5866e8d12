"""The game between owner and attacker: it alone knows who is in which model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from telltale.checks import whole_number
from telltale.data.captions.withheld import REFERENCES, granted
from telltale.data.pools import Pools
from telltale.data.seeds import derive, generator
from telltale.defenses.query_limit import limit_of
from telltale.errors import InputError
from telltale.game.usefulness import mean_of, success
from telltale.game.world import TARGET_MEMBERS, TARGET_NON_MEMBERS, Given, Knowledge, World
from telltale.models.stored_bits import stored_bits
from telltale.owner.owner import Owner, Request
from telltale.owner.preparation import examples_of
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.owner.samples import samples_of
from telltale.truth import Truth

MODELS = 10_000  # each is trained, kept and asked; a hundred times what published attacks take


class Game:
    """Draws each victim's members, has the owner train, shows worlds, and unseals the truth once.

    Model m is trained on `member_count` records drawn at random from the challenge pool; the first `victims` models are
    attacked, `shadow_models` more are only shadows of theirs. Where members are half of the pool, models 2i and
    2i + 1 share no record: every point is then in exactly half of the models, and more models leave the rows of the
    first ones as they are. With canaries, members are in every model, each canary by a coin, and only
    canaries are shown.
    """

    def __init__(
        self, pools: Pools[Any], recipe: Recipe, owner: Owner, victims: int, seed: int, shadow_models: int = 0
    ) -> None:
        whole_number("victims", victims, 1, MODELS)
        whole_number("shadow_models", shadow_models, 0, MODELS)
        if pools.assigned and victims + shadow_models > 1:  # all have the same members: one's row would tell another's
            field, value = ("shadow_models", shadow_models) if shadow_models else ("victims", victims)
            raise InputError(field, value, "one victim alone: where a record is from says which models have it")
        if pools.canary_count:  # their coins decide how many records a model has, which no private rate may tell
            recipe = recipe.with_public_records(pools.member_count + pools.canary_count // 2)
        self.pools, self.recipe, self.owner, self.victims, self.seed = pools, recipe, owner, victims, seed
        self.models = victims + shadow_models
        self._paired = 2 * pools.member_count == len(pools.challenge) and not pools.canary_count and not pools.assigned
        self._members = np.stack([self._draw(model) for model in range(self.models)])
        self._shown = self._points_shown()
        self._others: list[tuple[Recipe, str, list[Release]]] = []
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
        if self.pools.canary_count:
            first_copies = np.unique(self.pools.canaries, return_index=True)[1]
            return self.pools.member_count + rng.permutation(first_copies)
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
            self.owner,
            derive(self.seed, "attacker"),
            self.victims,
            self.models - self.victims,
            query_budget=limit_of(self.recipe.defenses),
            fewest=self._fewest(),
        )

    def knowledge_of(self, access: frozenset[str]) -> Knowledge:
        """Return what the attacker knows under a threat model: captions of the points to be judged only if named."""
        return replace(self.knowledge, challenge=granted(self.knowledge.challenge, access), given=self._given(access))

    def _given(self, access: frozenset[str]) -> Given:
        """Return what a threat model tells of the truth, as released code of others does. InputError where victims
        differ in it.
        """
        if not access & {TARGET_MEMBERS, TARGET_NON_MEMBERS}:
            return Given()
        if self.models > 1:
            expected = "one, without shadow models: the attacker is told which points are the target's members"
            raise InputError("victims", self.models, expected)
        shown, rng = self._members[0][self._shown], generator(self.seed, "given")
        inside, outside = (rng.permutation(np.flatnonzero(side)) for side in (shown, ~shown))
        points = granted(self.knowledge.challenge, access | {REFERENCES})
        return Given(
            points.take(inside[: len(inside) // 2]) if TARGET_MEMBERS in access else None,
            points.take(outside) if TARGET_NON_MEMBERS in access else None,
        )

    def _fewest(self) -> tuple[int, int]:
        """Return the fewest shadows with a point, and without one, over all victims and points."""
        shown = self._members[:, self._shown]
        having = shown.sum(0)
        fewest_with = fewest_without = self.models
        for victim in range(self.victims):
            telling = self._telling(victim)
            with_point = having - shown[telling].sum(0)
            fewest_with = min(fewest_with, int(with_point.min()))
            fewest_without = min(fewest_without, self.models - len(telling) - int(with_point.max()))
        return fewest_with, fewest_without

    def retrained(self, recipe: Recipe, name: str) -> list[Release]:
        """Have the victims trained by another recipe, on the same records and from the same seeds; once each."""
        for other_recipe, label, releases in self._others:
            if (other_recipe, label) == (recipe, name):
                return releases
        names = [f"{name} {victim}" if self.victims > 1 else name for victim in range(self.victims)]
        members = self._members[: self.victims]
        releases = self.owner.train_many(recipe, self.pools.challenge, members, self._seeds(self.victims), names)
        self._others.append((recipe, name, releases))
        return releases

    def benign(self) -> list[Release]:
        """Have them trained by the owner's recipe as it was before anyone added code to it."""
        return self.retrained(self.recipe.replace(added_code=()), "benign")

    def examples(self, number: int = 8) -> Mapping[str, Any]:
        """Return some of the first victim's records and what a data stage made of them: for the report."""
        records, recipe, seed = self.victims_as_trained(1)[0]
        return examples_of(records, recipe.stages, seed, number)

    def samples(self) -> tuple[str, ...]:
        """Return what the first victim writes, or the language model that it was fine-tuned from: for the report."""
        start = self.recipe.start
        release = self._pretrained[0] if start else self._releases[0]
        return samples_of(start or self.recipe, self.owner.store, release, self.pools.challenge)

    def victims_as_trained(self, number: int | None = None) -> list[tuple[Any, Recipe, int]]:
        """Return records, recipe as its data stages have prepared it, and seed of the first victims: for the report.

        number: how many, None = all.
        """
        points, seeds = self.pools.challenge, self._seeds(self.models)
        # of all models at once, as they were trained: what data stages have trained for them is found again
        recipes = self.owner.prepared(
            self.recipe, points, self._members, seeds, [f"target {k}" for k in range(self.models)]
        )
        few = range(self.victims if number is None else number)
        return [(points.take(np.flatnonzero(self._members[victim])), recipes[victim], seeds[victim]) for victim in few]

    def _seeds(self, number: int) -> list[int]:
        return [derive(self.seed, "victim", model) for model in range(number)]

    def released(self) -> list[Release]:
        """Return the victims' releases with all their calls: for the evaluation, not for an attack."""
        return self._releases[: self.victims]

    def every_release(self) -> list[Release]:
        """Return the releases of victims and shadow models with all their calls: for a file of answers."""
        return list(self._releases)

    def membership_of_all(self) -> np.ndarray:
        """Return who was in which model, of victims and shadow models, (models, challenge points): opens the truth."""
        self.unsealed = True
        return self._members[:, self._shown]

    def world_of(self, releases: Sequence[Release], access: frozenset[str]) -> World:
        """Return the world of other releases of the victims under a threat model."""
        budget = self.knowledge.query_budget
        return self.world(access).with_releases(tuple(release.restricted(access, budget) for release in releases))

    def ahead(self, *others: Request) -> None:
        """Have the models of the game trained side by side with others that need nothing of them, where that pays."""
        self.owner.ahead([self._request, *others])

    @property
    def _request(self) -> Request:
        names = ["target"] if self.models == 1 else [f"target {model}" for model in range(self.victims)]
        names += [f"shadow {model}" for model in range(self.victims, self.models)]
        points, seeds = self.pools.challenge, self._seeds(self.models)
        return Request(self.recipe, points, self._members, seeds, names)

    @cached_property
    def _releases(self) -> list[Release]:
        return self.owner.train_many(*self._request)

    @cached_property
    def _pretrained(self) -> list[Release]:
        assert self.recipe.start is not None, "only a transfer has pre-trained models"
        names = [f"{release.name} (pre-training)" for release in self._releases]
        points, seeds = self.pools.challenge, self._seeds(self.models)
        return self.owner.train_many(self.recipe.start, points, self._members, seeds, names)

    def world(self, access: frozenset[str], before_transfer: bool = False) -> World:
        """Have the victims trained and show them under a threat model.

        before_transfer: show the pre-trained models, which no attacker sees, instead of those fine-tuned from them.
        """
        models, budget = self._pretrained if before_transfer else self._releases, self.knowledge.query_budget
        releases = tuple(release.restricted(access, budget) for release in models[: self.victims])
        unlimited = [release.restricted(access) for release in models]  # one model is the shadow of many victims
        shadows = tuple(self._shadows(victim, unlimited) for victim in range(self.victims))
        return World(releases, self.knowledge_of(access), shadows)

    def _telling(self, victim: int) -> list[int]:
        """Return the models whose members say who is in the victim: itself, and the one that has exactly the others."""
        return [victim, victim ^ 1] if self._paired and victim ^ 1 < self.models else [victim]

    def _shadows_of(self, victim: int) -> list[int]:
        telling = self._telling(victim)
        return [other for other in range(self.models) if other not in telling]

    def _shadows(self, victim: int, models: Sequence[Release]) -> tuple[tuple[Release, ...], np.ndarray]:
        others = self._shadows_of(victim)
        members = self._members[others][:, self._shown]  # a copy
        members.setflags(write=False)
        return tuple(models[other] for other in others), members

    def unseal(self) -> Truth:
        """Open the truth, after all evidence is in."""
        self.unsealed = True
        attacked = self._members[: self.victims]
        members = tuple(self.pools.challenge.take(np.flatnonzero(row)) for row in attacked)
        references = getattr(self.knowledge.challenge, "references", ())
        shown = getattr(self.knowledge.challenge, "shown", None)
        return Truth(attacked[:, self._shown], members, self.pools.disjoint, references, shown)

    def utility(self) -> dict[str, float]:
        """Measure the owners' own task, averaged over victims: on test records, and under `train_…` on their own.

        In a transfer it is the downstream task; what was pre-trained is measured under `pretrained_…`.
        """
        owner, recipe, pools, members = self.owner, self.recipe, self.pools, self._members[: self.victims]
        if recipe.start is None:
            learned = success(owner, recipe, self._releases, pools.challenge, members, pools.test)
            return learned | self._size() | self._made()
        tuned_on = np.stack([recipe.finetuning_members(seed) for seed in self._seeds(self.victims)])
        first = success(owner, recipe.start, self._pretrained, pools.challenge, members, pools.test)
        last = success(owner, recipe, self._releases, pools.finetune, tuned_on, pools.finetune_test)
        return last | {f"pretrained_{name}": value for name, value in first.items()}

    def _made(self) -> dict[str, float]:
        """Return what data stages say of what they do to the victims' records, averaged over victims."""
        if not self.recipe.stage("data"):
            return {}
        figures: list[dict[str, float]] = []
        for records, recipe, _ in self.victims_as_trained():
            figures.append({})
            for code in recipe.defenses:
                figures[-1].update(code.measured(records))
        return mean_of(figures)

    def _size(self) -> dict[str, float]:
        """Return what the releases take where they are compressed, averaged over victims."""
        if not self.recipe.stage("model") + self.recipe.stage("finish"):
            return {}
        weights = [release.restricted(frozenset({"weights"})).weights() for release in self.released()]
        sizes = [{"stored_bits": float(stored_bits(state))} for state in weights]
        return mean_of(sizes) | {
            "bits_per_weight": mean_of(sizes)["stored_bits"] / sum(x.size for x in weights[0].values())
        }


def drawn(pools: Pools[Any], rng: np.random.Generator) -> np.ndarray:
    """Draw one model's records: (challenge pool,) bool; as many as `members`, or all of them and a coin a canary.

    Where they are assigned, the first ones.
    """
    row = np.zeros(len(pools.challenge), bool)
    if pools.canary_count:
        of = pools.canaries
        row[: pools.member_count], row[pools.member_count :] = True, (rng.random(int(of.max()) + 1) < 0.5)[of]
    elif pools.assigned:
        row[: pools.member_count] = True
    else:
        row[rng.choice(len(row), pools.member_count, replace=False)] = True
    return row
