"""What an attack is: it declares the access it needs, sees a world without the truth, and returns evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from telltale.data.pools import Pools
from telltale.evidence import Evidence, MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.recipe import Recipe


class Attack:
    """Base of all attacks and rivals.

    access              calls on a release that the threat model grants
    accepts             kinds of data that it works on
    other_kinds         kinds it does not work on: the word of the attack that asks the same of them
    hands_over          kind of its evidence
    uses_true_labels    reads the answer at a record's own class, which a model fine-tuned on other classes has not
    before_transfer     meets the pre-trained models themselves, which no attacker of a transfer sees
    begins              has something to begin ahead of `run`, where a core is free
    yardstick           knows what no attacker does: it shows how much there is to find, and is no contestant

    A class states its own; an attack for which an option decides sets it on itself.
    """

    access: frozenset[str]
    accepts: frozenset[str]
    other_kinds: ClassVar[Mapping[str, str]] = {}
    hands_over: type = MembershipScores
    uses_true_labels: bool = False
    before_transfer: bool = False
    begins: bool = False
    yardstick: bool = False

    def check(self, knowledge: Knowledge) -> None:
        """Refuse options that cannot work, by InputError, before anything is trained."""

    def against(self, answers: frozenset[str], before: frozenset[str]) -> Attack:
        """Return the attack as it is where a release answers these calls: itself, unless it reads others there.

        before: calls of the model that was fine-tuned into the release, none where there is no such.
        """
        return self

    def tamper(self, recipe: Recipe) -> Recipe:
        """Change the owner's training code (malicious code only); the owner's defence comes after it."""
        return recipe

    def plant(self, pools: Pools[Any], seed: int) -> Pools[Any]:
        """Change records that are dealt out, before coins or draws decide who is trained on them: audits only."""
        return pools

    def run(self, world: World) -> Evidence:
        """Query the releases and return the evidence, for every victim."""
        raise NotImplementedError

    def begin(self, world: World) -> None:
        """Have another core begin what `run` will need of this world; counts no query, and changes no number."""

    def together(self, evidence: Mapping[str, Evidence | None]) -> Mapping[str, Evidence | None]:
        """Make evidence of several worlds comparable, where each has its own; before the truth is opened."""
        return evidence

    def blind(self, knowledge: Knowledge) -> Evidence | None:
        """Return the best guess without a single query, on the same auxiliary data and tuning budget."""
        return None

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say in what the attacker's own shadows differ from the owner's models: each a line of the report."""
        return ()

    def applies(self, knowledge: Knowledge) -> bool:
        """Tell whether these records hold what the attack asks about; a rival that finds none of it is left out."""
        return True

    def rivals(self) -> Mapping[str, Attack]:
        """Return simpler scores that face the same world."""
        return {}
