"""A property model's only answer, one number, in the place of an embedding (paper, appendix A.4, Table 8).

Eq. (2) is then of vectors of width 1: what the attack and its rivals do is unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from telltale.attacks.base import Attack
from telltale.data.records import Records
from telltale.errors import InputError
from telltale.evidence import Evidence
from telltale.game.world import World
from telltale.owner.release import Release

ANSWERS = ("embeddings", "values")


class ScalarRelease(Release):
    """The same release, counted with it, whose value of a record stands in the place of the record's embedding."""

    def __init__(self, release: Release) -> None:
        vars(self).update(vars(release))

    def embeddings(self, records: Records) -> np.ndarray:
        """Ask for the values of records: (records, 1) float32; counts as `values`."""
        return self.values(records).astype(np.float32)[:, None]


class OnValues(Attack):
    """A rival that meets scalar releases."""

    def __init__(self, rival: Attack) -> None:
        self.rival = rival
        self.accepts, self.hands_over, self.begins = rival.accepts, rival.hands_over, rival.begins
        self.access = rival.access = frozenset({"values"})

    def run(self, world: World) -> Evidence:
        """Let the rival rank."""
        return self.rival.run(seen(world, "values"))

    def begin(self, world: World) -> None:
        """Let the rival begin."""
        self.rival.begin(seen(world, "values"))


def seen(world: World, answers: str) -> World:
    """Return the world as an attacker with these answers sees it."""
    if answers == "embeddings":
        return world
    shadows = tuple(
        (_scalar(releases), members) for releases, members in map(world.shadows, range(len(world.releases)))
    )
    return replace(world, releases=_scalar(world.releases), _shadows=shadows)


def _scalar(releases: Sequence[Release]) -> tuple[Release, ...]:
    return tuple(ScalarRelease(release) for release in releases)


def rivals_seeing(rivals: Mapping[str, Attack], answers: str) -> Mapping[str, Attack]:
    """Return the rivals as they meet such answers."""
    if answers == "embeddings":
        return rivals
    return {name: OnValues(rival) for name, rival in rivals.items()}


def check_scalar(answers: str, cuts: int, scorer: str, rivals: Sequence[str], calibrates: str = "") -> None:
    """Refuse what a single number cannot tell: its cosine with another one is 1 or -1."""
    if answers == "embeddings":
        return
    expected = "with attack.answers=values: a cosine of two numbers is 1 or -1"
    if cuts:
        raise InputError("attack.cuts", cuts, f"0 {expected}")
    for field, names in (("attack.scorer", [scorer]), ("attack.calibrates", [calibrates]), ("attack.rivals", rivals)):
        if "fixed" in names:
            raise InputError(field, "fixed", f"another one {expected}")
