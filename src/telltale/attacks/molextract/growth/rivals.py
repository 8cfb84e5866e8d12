"""What a search is compared with: rankings of what enumeration proposes, the random row of Table 6 among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from telltale.attacks.base import Attack
from telltale.attacks.molextract.growth.grower import Grower
from telltale.attacks.molextract.rivals import RIVALS, CandidateRival
from telltale.attacks.molextract.scorers import SCORERS
from telltale.checks import choice
from telltale.evidence import ExtractedMolecules
from telltale.game.world import World


class EnumerationRival(Attack):
    """No search: a scorer ranks what enumeration proposes, under the attack's own query budget."""

    access = frozenset({"embeddings"})
    accepts = frozenset({"molecules"})

    def __init__(self, grower: Grower, scorer: str) -> None:
        search = replace(grower.search, search="enumerate")
        self.grower = replace(grower, search=search, scorer=scorer)

    def run(self, world: World) -> ExtractedMolecules:
        """Rank for every victim."""
        return replace(self.grower.run(world), searches=())


def growing_rivals(grower: Grower, names: Sequence[str]) -> Mapping[str, Attack]:
    """Build the rivals of a configuration where molecules are grown. InputError for a name that is none.

    A search has one more, `enumerate`: its own scorer on what enumeration proposes.
    """
    rivals: dict[str, Attack] = {}
    if names and grower.search.search != "enumerate":
        rivals["enumerate"] = EnumerationRival(grower, grower.scorer)
    for name in names:
        choice("attack.rivals", name, [*RIVALS, *SCORERS])
        if name in RIVALS:
            rivals[name] = CandidateRival(name, grower.pool, grower.scorer_options, grower.lists)
        else:
            rivals[name] = EnumerationRival(grower, name)
    return rivals
