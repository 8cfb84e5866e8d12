"""How molecules of a user's are dealt out where an encoder of theirs gives training molecules away.

Members are what is to be found. Of the molecules that are none, the population teaches the attacker rings and side
chains; the others are what the model never saw (G'), beside as many members (G). Of these two, chance alone should have
decided which is which.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from telltale.auditing.population import set_apart
from telltale.auditing.sides import apart
from telltale.data.given import Given
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.seeds import generator
from telltale.errors import InputError


@dataclass(frozen=True, eq=False)
class Dealt:
    """Molecules by what they are to owner and attacker.

    own         the attacker's
    challenge   G and G' in an order that says nothing; membership: (points,) bool, which are of G
    groups      (points,) whose each is; None = each for itself
    learned     all that the encoder was trained on
    others      G'; beyond: what it was trained on beside G
    source      the data set; available: how many molecules it has
    notes       what there is to tell
    known       False: nobody said who is a member, and all but `own` is empty
    """

    own: MoleculeRecords
    challenge: MoleculeRecords
    membership: np.ndarray
    groups: np.ndarray | None
    learned: MoleculeRecords
    others: MoleculeRecords
    beyond: MoleculeRecords
    source: str
    available: int
    notes: tuple[str, ...] = ()
    known: bool = True


def dealt(given: Given, population: float, most: int, seed: int) -> Dealt:
    """Deal out molecules of which it is known who is a member.

    population: share of the held-out ones that the attacker has, at most `most` of them. A molecule that occurs twice
    is in neither G nor G', a member all the same. Raises InputError where the attacker has none.
    """
    assert given.member is not None
    records = bare(given.records)
    rows, notes = apart(given)
    once = given.take(rows)
    assert once.member is not None
    known = set_apart(once, population, generator(seed, "population"))
    if not len(known.held):
        expected = "a share of the held-out molecules: of them the attacker learns rings and side chains"
        raise InputError("target.population", population, expected)
    rest = np.ones(len(once), bool)
    rest[np.concatenate([known.held, known.aside])] = False
    drawn = generator(seed, "challenge").permutation(np.flatnonzero(rest))
    sides = [rows[drawn[once.member[drawn] == side]] for side in (True, False)]
    each = min(map(len, sides))
    inside, outside = (side[:each] for side in sides)
    points = generator(seed, "order").permutation(np.concatenate([inside, outside]))
    told = f"{each:,} of the {int(given.member.sum()):,} members (G) are compared with as many held-out molecules (G′)"
    return Dealt(
        own=records.take(rows[known.held[:most]]),
        challenge=records.take(points),
        membership=given.member[points],
        groups=None if given.groups is None else np.unique(given.groups[points], return_inverse=True)[1],
        learned=distinct(records.take(given.member)),
        others=records.take(outside),
        beyond=distinct(records.take(np.setdiff1d(np.flatnonzero(given.member), inside))),
        source=given.source,
        available=len(given),
        notes=(*notes, *known.notes, told),
    )


def all_to_the_attacker(records: MoleculeRecords, most: int, seed: int) -> Dealt:
    """Deal out molecules of which nobody knows who is a member: the attacker has them, a random `most` of more."""
    rows = generator(seed, "population").permutation(len(records))[:most]
    records = bare(records)
    none = records.take(np.arange(0))
    told = "no member is named (dataset.members): all molecules of the data set are taken for the attacker's own"
    empty: Any = {"challenge": none, "membership": np.zeros(0, bool), "groups": None, "learned": none}
    return Dealt(
        own=distinct(records.take(np.sort(rows))),
        **empty,
        others=none,
        beyond=none,
        source=records.source,
        available=len(records),
        notes=(told,),
        known=False,
    )


def bare(records: MoleculeRecords) -> MoleculeRecords:
    """Return the molecules without what was measured of them: nobody here learns it."""
    return replace(records, properties=None, labels=None, classes=(), ids=None, values=None)


def distinct(records: MoleculeRecords) -> MoleculeRecords:
    """Return each molecule once, in order."""
    return records.take(np.sort(np.unique(records.smiles.astype(str), return_index=True)[1]))
