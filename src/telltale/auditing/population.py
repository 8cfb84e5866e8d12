"""The population: held-out records that are set apart, of which the attacker knows that the model has none.

Groups stay on one side: a population record is of a group of which nothing is judged. Where groups have records on
both sides, held-out records of these would be judged the more often, and a group that has few or many would tell. So
the same share of them is left out, by whole groups, and is not known to the attacker either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telltale.data.given import Given


@dataclass(frozen=True, eq=False)
class SetApart:
    """Rows of held-out records that are not judged.

    held   the population; aside: of groups with members, neither known nor judged
    notes  what there is to tell
    """

    held: np.ndarray
    aside: np.ndarray
    notes: tuple[str, ...] = ()


def set_apart(given: Given, share: float, rng: np.random.Generator) -> SetApart:
    """Draw a population of about a share of the held-out records, in whole groups; at least one, where others stay."""
    assert given.member is not None
    outside = rng.permutation(np.flatnonzero(~given.member))
    nothing = outside[:0]
    if given.groups is None:
        return SetApart(outside[: int(share * len(outside))], nothing)
    mixed = np.isin(given.groups[outside], given.groups[given.member])
    alone, shared = outside[~mixed], outside[mixed]
    held = _whole_groups(given.groups, alone, share)
    if not len(held) and share > 0:
        held = _smallest_group(given.groups, alone)
    aside = _whole_groups(given.groups, shared, len(held) / len(alone)) if len(held) else nothing
    return SetApart(held, aside, _told(given, held, aside, len(outside), share))


def _whole_groups(groups: np.ndarray, rows: np.ndarray, share: float) -> np.ndarray:
    """Return the rows of the first groups that hold no more than a share of all rows.

    rows are in random order; so are groups then, each by where its lowest row stands, large and small ones alike.
    """
    if not len(rows):
        return rows
    _, unit, sizes = np.unique(groups[rows], return_inverse=True, return_counts=True)
    by_row = np.argsort(rows)
    lowest = by_row[np.unique(unit[by_row], return_index=True)[1]]
    order = np.argsort(lowest)
    taken = np.searchsorted(np.cumsum(sizes[order]), int(share * len(rows)), side="right")
    return rows[np.isin(unit, order[:taken])]


def _smallest_group(groups: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the rows of the smallest group; none where there is one group only, and nobody would be judged."""
    units, sizes = np.unique(groups[rows], return_counts=True)
    return rows[groups[rows] == units[np.argmin(sizes)]] if len(units) > 1 else rows[:0]


def _told(given: Given, held: np.ndarray, aside: np.ndarray, outside: int, share: float) -> tuple[str, ...]:
    if share > 0 and not len(held):
        why = "none can be spared: groups (dataset.group) stay on one side, and these have members or are the only one"
        return (f"no population: of the groups of {outside:,} held-out records {why}",)
    said = []
    if len(held) != int(share * outside):
        what = f"{len(held):,} of {outside:,} held-out records, as groups (dataset.group) stay on one side"
        said.append(f"the population is {what}")
    if len(aside):
        what = "of groups that have members, too, are not judged, as many a group as of others are the population"
        said.append(f"{len(aside):,} held-out records {what}")
    return tuple(said)
