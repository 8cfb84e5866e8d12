"""The same attack elsewhere: a control, in which there is nothing to find, or other releases of the same victims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telltale.attacks.base import Attack
from telltale.game.game import Game
from telltale.game.world import World
from telltale.owner.owner import Request
from telltale.owner.release import Release

Releases = Mapping[str, Sequence[Release]]  # by name of evidence, one a victim


class OtherWorld:
    """Base of all controls and variants. A control implements `world`, a variant `releases` and `worlds`."""

    def check(self, game: Game) -> None:
        """Refuse, by InputError, a game in which it says nothing."""

    def ahead(self, game: Game) -> Sequence[Request]:
        """Return what `world` will have trained beside the game's models; () = nothing, or it depends on them."""
        return ()

    def world(self, game: Game, attack: Attack) -> World:
        """Return a world like the target's, in which the target's training records play no part."""
        raise NotImplementedError

    def worlds(self, name: str, game: Game, attack: Attack) -> Mapping[str, World]:
        """Return the worlds that the attack is to be run on, by name of evidence; name: in the configuration."""
        return {name: self.world(game, attack)}

    def releases(self, game: Game) -> Releases:
        """Have the victims trained by other recipes, on the same records, from the same seeds; none for a control."""
        return {}


def worlds_of(releases: Releases, game: Game, attack: Attack) -> dict[str, World]:
    """Return the target's world with other releases in place of the target's, by name."""
    return {name: game.world_of(several, attack.access) for name, several in releases.items()}
