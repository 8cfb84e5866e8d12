"""Which models judge which, for all victims together: their judges are all shadows but few, so that sums are shared.

What judges a victim are its shadows; a shadow in the target's part is judged by the victim's others, without those
trained on exactly its records or exactly the others. Who is left out of a victim's judgement, and of those on which its
threshold is fixed, follows from the game and from the tables that come with the victim, never from its own row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Self

import numpy as np

from telltale.attacks.membership.kept import Signals
from telltale.attacks.membership.thresholds import best_threshold

PSEUDO_TARGETS = 8  # shadows that take the target's part when a threshold is fixed
Names = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Panels:
    """All shadows of some victims, and who is judged without whom.

    signals     of each shadow, (points, …)
    members     who is in them: (models, points) bool
    outs        of each panel, the shadows that are no part of it, ascending
    targets     signals of who is judged: the victims, then shadows in the target's part
    panel_of    of each target, by which panel it is judged
    taking      of each target that is no victim, which shadow it is
    fixing      of each victim, the targets on which its threshold is fixed
    """

    signals: list[np.ndarray]
    members: np.ndarray
    outs: list[tuple[int, ...]]
    targets: list[np.ndarray]
    panel_of: np.ndarray
    taking: np.ndarray
    fixing: list[slice]

    @classmethod
    def of(cls, signals: Signals, least: int) -> list[Self]:
        """Gather all victims; each alone, with the same sums, where their tables contradict each other.

        least: how many shadows have to judge; where fewer would, a shadow is judged by those of its own records too.
        """
        named = {keys: _numbered(keys) for keys in dict.fromkeys(keys for keys, _ in signals.shadows)}
        place = _places(named.values())
        models = [signals.of_shadows[key] for key, _ in place]
        seats = {keys: np.array([place[name] for name in names]) for keys, names in named.items()}
        if (table := _one_table(signals, seats, len(place))) is not None:
            return [cls._gathered(signals, range(len(signals.victims)), models, table, seats, least)]
        found = []
        for victim, (keys, members) in enumerate(signals.shadows):
            told = np.zeros((len(place), members.shape[1]), bool)
            told[seats[keys]] = members
            found.append(cls._gathered(signals, [victim], models, told, seats, least))
        return found

    @classmethod
    def _gathered(
        cls,
        signals: Signals,
        victims: Sequence[int],
        models: list[np.ndarray],
        table: np.ndarray,
        seats: dict[tuple[str, ...], np.ndarray],
        least: int,
    ) -> Self:
        kinds = _kinds(table)
        outs: list[tuple[int, ...]] = []
        first: dict[tuple[str, ...], int] = {}
        fixing: dict[tuple[str, ...], slice] = {}
        taking: list[int] = []
        of_taking: list[int] = []
        for keys in dict.fromkeys(signals.shadows[victim][0] for victim in victims):
            at, begun = seats[keys], len(taking)
            chosen = at[np.unique(np.linspace(0, len(at) - 1, min(PSEUDO_TARGETS, len(at))).astype(int))]
            judges = [at[kinds[at] != kinds[shadow]] for shadow in chosen]
            if min(map(len, judges)) < least:
                judges = [at[at != shadow] for shadow in chosen]
            first[keys] = len(outs)
            of_taking += range(len(outs) + 1, len(outs) + 1 + len(chosen))
            outs += [_others(those, len(models)) for those in (at, *judges)]
            taking += chosen.tolist()
            fixing[keys] = slice(len(victims) + begun, len(victims) + len(taking))
        of_victims = [signals.shadows[victim][0] for victim in victims]
        return cls(
            models,
            table,
            outs,
            [*(signals.victims[victim] for victim in victims), *(models[shadow] for shadow in taking)],
            np.array([*(first[keys] for keys in of_victims), *of_taking]),
            np.array(taking),
            [fixing[keys] for keys in of_victims],
        )

    @property
    def victims(self) -> int:
        """Count them: they are the first targets."""
        return len(self.fixing)

    def judged(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split scores (targets, points) into those of the victims, and the thresholds that the others fix for them."""
        victims = self.victims
        fixed: dict[int, float] = {}
        for those in self.fixing:
            if those.start not in fixed:
                shadows = self.taking[those.start - victims : those.stop - victims]
                fixed[those.start] = best_threshold(scores[those], self.members[shadows])
        return scores[:victims], np.array([fixed[those.start] for those in self.fixing])


def _numbered(keys: Sequence[str]) -> Names:
    """Tell equal keys apart: two models of the same weights."""
    if len(set(keys)) == len(keys):
        return tuple(zip(keys, repeat(0)))
    count: Counter[str] = Counter()
    names = []
    for key in keys:
        names.append((key, count[key]))
        count[key] += 1
    return tuple(names)


def _places(several: Iterable[Names]) -> dict[tuple[str, int], int]:
    """Give each shadow of any victim a place, in the order in which they come."""
    return {name: place for place, name in enumerate(dict.fromkeys(chain.from_iterable(several)))}


def _others(those: np.ndarray, models: int) -> tuple[int, ...]:
    left_out = np.ones(models, bool)
    left_out[those] = False
    return tuple(np.flatnonzero(left_out).tolist())


def _one_table(signals: Signals, seats: dict[tuple[str, ...], np.ndarray], models: int) -> np.ndarray | None:
    """Return who is in which shadow, (models, points) bool; None where victims have it told differently."""
    table = np.zeros((models, signals.shadows[0][1].shape[1]), bool)
    known = np.zeros(models, bool)
    for keys, members in signals.shadows:
        at = seats[keys]
        new = ~known[at]
        if new.any():
            table[at[new]], known[at] = members[new], True
        if not np.array_equal(table[at], members):
            return None
    return table


def _kinds(members: np.ndarray) -> np.ndarray:
    """Number models so that those trained on exactly the same records, or exactly the others, are alike: (models,)."""
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault((row ^ row[:1]).tobytes(), len(numbers)) for row in members])
