"""Other releases of the same victims, attacked alike: what another compression would have given away."""

from __future__ import annotations

from collections.abc import Mapping

from telltale.attacks.base import Attack
from telltale.attacks.quantized_encoding.compression import EncodedCompression
from telltale.game.game import Game
from telltale.game.world import World
from telltale.owner.recipe import Recipe
from telltale.worlds.other_world import OtherWorld, Releases, worlds_of

COMPRESSING = ("finish", "model")


class Float(OtherWorld):
    """The malicious release without any compression: the most that an attacker can hope for."""

    def releases(self, game: Game) -> Releases:
        """Return the trained weights as they are."""
        return {"float": game.retrained(uncompressed(game.recipe), "float")}

    def worlds(self, name: str, game: Game, attack: Attack) -> Mapping[str, World]:
        """Return their world."""
        return worlds_of(self.releases(game), game, attack)


def uncompressed(recipe: Recipe) -> Recipe:
    """Return a recipe without what anyone does to the trained weights; least significant bits are no compression."""
    added = tuple(code for code in recipe.added_code if not isinstance(code, EncodedCompression))
    kept = tuple(code for code in recipe.defenses if code.stage not in COMPRESSING)
    return recipe.replace(added_code=added, defenses=kept)
