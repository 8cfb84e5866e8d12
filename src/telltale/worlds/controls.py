"""Worlds in which there is nothing to find: the same attack, unchanged, meets releases that cannot leak."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from telltale.attacks.base import Attack
from telltale.data.seeds import derive, generator
from telltale.errors import InputError
from telltale.game.game import Game, drawn
from telltale.game.world import World
from telltale.owner.owner import Request
from telltale.owner.release import Release
from telltale.worlds.other_world import OtherWorld


class Untrained(OtherWorld):
    """Initial weights, BatchNorm statistics from auxiliary records: what the architecture alone gives away."""

    def world(self, game: Game, attack: Attack) -> World:
        """Replace every victim by an untrained model. InputError where the attack looks at published records."""
        if "published_records" in attack.access:
            raise InputError("controls", "untrained", "comes without published records; try controls=published")
        seeds = [derive(game.seed, "control/untrained", victim) for victim in range(game.victims)]
        names = [f"untrained control {victim}" for victim in range(game.victims)]
        return _world_of(game.owner.untrained_many(game.recipe, game.pools.auxiliary, seeds, names), game, attack)


class Disjoint(OtherWorld):
    """The same recipe trained on other records of the same source: what the chemistry or the statistics give away."""

    def check(self, game: Game) -> None:
        """Refuse a control that was trained on fewer records than the target: it would not be the same recipe."""
        if len(game.pools.disjoint) != game.pools.member_count:
            raise InputError(
                "pools.disjoint",
                len(game.pools.disjoint),
                f"pools.members={game.pools.member_count}, or leave the control out",
            )

    def ahead(self, game: Game) -> Sequence[Request]:
        """Return its models: they need nothing of the game's."""
        members = np.ones((game.victims, len(game.pools.disjoint)), bool)
        seeds = [derive(game.seed, "control/disjoint", victim) for victim in range(game.victims)]
        names = [
            f"disjoint control {victim}" if game.victims > 1 else "disjoint control" for victim in range(game.victims)
        ]
        return [Request(game.recipe, game.pools.disjoint, members, seeds, names)]

    def world(self, game: Game, attack: Attack) -> World:
        """Replace every victim by a model of the disjoint pool."""
        return _world_of(game.owner.train_many(*self.ahead(game)[0]), game, attack)


class Chance(OtherWorld):
    """The same recipe on other draws of the challenge points: both sides of the truth are in them equally often.

    Nothing an attack finds in these models tells members of the target from its non-members: every score is held to
    the rate of a coin, through the same code, points and shadows.
    """

    def check(self, game: Game) -> None:
        """Refuse so few points that a fresh draw may well be that of a victim."""
        members, points = game.pools.member_count, len(game.pools.challenge)
        canaries = len(np.unique(game.pools.canaries))
        if game.pools.assigned:
            expected = (
                "disjoint or untrained: where a record is from says whether it is a member, so there is no other draw"
            )
            raise InputError("controls", "chance", expected)
        if (ways := 2**canaries if canaries else math.comb(points, members)) < 1000 * game.victims:
            expected = f"{points} challenge points leave {ways:,} draws, a fresh one may be a victim's; give more"
            raise InputError("pools.members", members, f"{expected}, or leave the control out")

    def ahead(self, game: Game) -> Sequence[Request]:
        """Return its models: they need nothing of the game's."""
        coins = [generator(game.seed, "control/chance/membership", victim) for victim in range(game.victims)]
        members = np.stack([drawn(game.pools, rng) for rng in coins])
        seeds = [derive(game.seed, "control/chance", victim) for victim in range(game.victims)]
        names = [f"chance control {victim}" if game.victims > 1 else "chance control" for victim in range(game.victims)]
        return [Request(game.recipe, game.pools.challenge, members, seeds, names)]

    def world(self, game: Game, attack: Attack) -> World:
        """Replace every victim by a model that was trained on a draw of its own."""
        return _world_of(game.owner.train_many(*self.ahead(game)[0]), game, attack)


class Shuffled(OtherWorld):
    """The target's own models, but each shadow model comes with the membership of other points.

    One permutation of the points for all shadow models: counts, pairs and overlaps between models stay as they are.
    """

    def check(self, game: Game) -> None:
        """Refuse a game without shadow models, in which there is nothing to shuffle."""
        if game.models < 2:
            raise InputError("controls", "shuffled", f"needs shadow models, victims={game.victims} gives none")

    def world(self, game: Game, attack: Attack) -> World:
        """Permute the points of the tables of members."""
        world = game.world(attack.access, attack.before_transfer)
        order = generator(game.seed, "control/shuffled").permutation(len(world.knowledge.challenge))
        return world.with_members([members[:, order] for _, members in map(world.shadows, range(game.victims))])


class ShuffledShadows(OtherWorld):
    """The target's own models, but the shadows an attacker trained on its own records are told apart at random.

    As `Shuffled`, where shadow models are no models of the game.
    """

    def world(self, game: Game, attack: Attack) -> World:
        """Permute members and non-members of each shadow."""
        return game.world(attack.access).with_mistold_shadows(derive(game.seed, "control/shuffled shadows"))


class Benign(OtherWorld):
    """The same recipe without the code that an attacker added: what is decoded where nothing was hidden."""

    def check(self, game: Game) -> None:
        """Refuse an attack that adds no code: the control would be the target."""
        if not game.recipe.added_code:
            raise InputError("controls", "benign", "needs an attack by malicious training code; leave the control out")

    def world(self, game: Game, attack: Attack) -> World:
        """Replace every victim by a model that was trained honestly on its records."""
        return game.world_of(game.benign(), attack.access)


def _world_of(releases: Sequence[Release], game: Game, attack: Attack) -> World:
    return game.world_of(releases, attack.access)
