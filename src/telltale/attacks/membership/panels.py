"""Which models judge which: victims with the same shadows are judged by one panel, and panels differ by few models.

Models that stand and fall together are a group: a victim with its complement, a shadow with its own. Each panel is all
groups but one; a shadow in the target's part is judged by its panel without the shadow's group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from telltale.attacks.membership.kept import Signals
from telltale.attacks.membership.thresholds import best_threshold

FEWEST = 4  # panels from which sums are shared: for fewer, each sums for itself


@dataclass(frozen=True)
class Panels:
    """All shadows of all victims, and who is judged without whom.

    signals    (models, points, …) of all shadows
    members    who is in them: (models, points) bool
    groups     positions of the models of each group
    victims    of each panel, whom it judges
    own        of each panel, the group that is no part of it: none or one
    taking     of each panel, the models that take the target's part: (panels, pseudo-targets)
    group_of   the group of each model
    """

    signals: np.ndarray
    members: np.ndarray
    groups: list[list[int]]
    victims: list[list[int]]
    own: list[tuple[int, ...]]
    taking: np.ndarray
    group_of: np.ndarray

    @classmethod
    def of(cls, signals: Signals, pseudo_targets: int, least: int) -> Self | None:
        """Find them; None where sums cannot be shared.

        That is where panels are few, where tables of members contradict each other, where models that are left out
        together are not always, or where fewer than `least` would judge a pseudo-target.
        """
        panels: dict[tuple[str, ...], list[int]] = {}
        for victim, (keys, _) in enumerate(signals.shadows):
            panels.setdefault(keys, []).append(victim)
        place = {key: number for number, key in enumerate(signals.of_shadows)}
        if len(panels) < FEWEST or any(len(set(keys)) < len(keys) for keys in panels):
            return None
        chairs = [np.array([place[key] for key in keys]) for keys in panels]
        members = _one_table(signals, place)
        if members is None:
            return None
        taking = [_spread(positions, pseudo_targets) for positions in chairs]
        missing = [np.setdiff1d(np.arange(len(place)), positions) for positions in chairs]
        together = {tuple(map(int, few)) for few in missing if len(few)}
        together |= {tuple(map(int, np.flatnonzero(_alike(members, model)))) for model in set(np.concatenate(taking))}
        groups = _partition(together, len(place))
        if groups is None or len({len(few) for few in taking}) > 1:
            return None
        group_of = np.zeros(len(place), int)
        for number, group in enumerate(groups):
            group_of[group] = number
        sizes = np.array([len(group) for group in groups])
        if any((len(at) - sizes[group_of[of]]).min() < least for at, of in zip(chairs, taking, strict=True)):
            return None
        own: list[tuple[int, ...]] = [(int(group_of[few[0]]),) if len(few) else () for few in missing]
        stacked = np.stack(list(signals.of_shadows.values()))
        return cls(stacked, members, groups, list(panels.values()), own, np.stack(taking), group_of)

    @property
    def outs(self) -> list[tuple[int, ...]]:
        """Return the groups left out of each judgement, panel by panel: of the target, then of each pseudo-target."""
        return [
            out
            for own, taking in zip(self.own, self.taking, strict=True)
            for out in (own, *((*own, int(group)) for group in self.group_of[taking]))
        ]

    def judged(self, place: int) -> tuple[int, int]:
        """Return the panel of a place in `outs`, and which pseudo-target it judges there, -1 = the target."""
        panel, number = divmod(place, 1 + self.taking.shape[1])
        return panel, number - 1

    def thresholds(self, scores: np.ndarray) -> np.ndarray:
        """Fix each victim's threshold by its panel's scores of pseudo-targets, (panels, pseudo-targets, points)."""
        found = np.empty(sum(map(len, self.victims)))
        for victims, taking, of_panel in zip(self.victims, self.taking, scores, strict=True):
            found[victims] = best_threshold(of_panel, self.members[taking])
        return found


def _spread(positions: np.ndarray, number: int) -> np.ndarray:
    """Choose so many of some models, evenly."""
    return positions[np.unique(np.linspace(0, len(positions) - 1, min(number, len(positions))).astype(int))]


def _one_table(signals: Signals, place: dict[str, int]) -> np.ndarray | None:
    """Return who is in which shadow, (models, points) bool; None where victims have it told differently."""
    table = np.zeros((len(place), signals.shadows[0][1].shape[1]), bool)
    known, read = np.zeros(len(place), bool), set[int]()
    for keys, members in signals.shadows:
        if id(members) in read:
            continue
        read.add(id(members))
        at = np.array([place[key] for key in keys])
        if not np.array_equal(table[at[known[at]]], members[known[at]]):
            return None
        table[at], known[at] = members, True
    return table


def _alike(members: np.ndarray, model: int) -> np.ndarray:
    """Name the models trained on exactly a model's records, itself among them, or on exactly the others: bool."""
    unlike = members != members[model]
    return ~unlike.any(1) | unlike.all(1)


def _partition(together: set[tuple[int, ...]], number: int) -> list[list[int]] | None:
    """Return groups of so many models, each set of `together` one of them, in order; None where two sets overlap."""
    taken = [model for few in together for model in few]
    if len(set(taken)) < len(taken):
        return None
    alone = set(range(number)) - set(taken)
    return sorted([list(few) for few in together] + [[model] for model in alone])
