"""What M^4I's released script lends its attacker of the target itself: flaws of it, each of which can be had alone.

In mi_attack.py target and shadow share their non-members (`f8k_images_out`, twice), the shadow's members are drawn from
the target's folder, and in 2022 the shadow was the target. An attacker who has any of it needs no attack: a figure with
it says how much of a published one may be owed to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from telltale.checks import choice
from telltale.errors import InputError
from telltale.game.world import TARGET_MEMBERS, TARGET_NON_MEMBERS

MEMBERS, NON_MEMBERS = ("own", "overlapping", "target"), ("own", "target")


@dataclass(frozen=True)
class Lent:
    """What a decision is taught with, beside the attacker's own records. Raises InputError out of range.

    members      own: shadows learn the attacker's own records | overlapping: half of each shadow's are members of the
                 target | target: the shadow is the target itself, asked of half of its members
    non_members  own | target: shadows are asked of the very non-members that are to be judged
    """

    members: str = "own"
    non_members: str = "own"

    def __post_init__(self) -> None:
        choice("attack.shadow_members", self.members, MEMBERS)
        choice("attack.shadow_nonmembers", self.non_members, NON_MEMBERS)

    @property
    def access(self) -> frozenset[str]:
        """Name what the game must tell for it."""
        members = {TARGET_MEMBERS} if self.members != "own" else set()
        return frozenset(members | ({TARGET_NON_MEMBERS} if self.non_members != "own" else set()))

    @property
    def is_target(self) -> bool:
        """Say whether no shadow is trained."""
        return self.members == "target"

    def check(self, scenario: str, shadows: int) -> None:
        """Refuse, by InputError, several shadows, or other ones than the owner's models, where the target is it."""
        if self.is_target and shadows > 1:
            raise InputError("attack.shadows", shadows, "1 with attack.shadow_members=target: the target is the shadow")
        if self.is_target and scenario != "unrestricted":
            expected = "unrestricted with attack.shadow_members=target: the target is the shadow"
            raise InputError("attack.scenario", scenario, expected)

    def told(self) -> tuple[str, ...]:
        """Say in words what the attacker was given that no attacker has."""
        lines = {
            "own": (),
            "overlapping": ("given half of the target's members: they are half of what each shadow learns",),
            "target": ("given half of the target's members: the shadow is the target itself, asked of them",),
        }[self.members]
        if self.non_members == "target":
            lines += ("given the non-members that are to be judged: they are the shadow's as well",)
        return lines
