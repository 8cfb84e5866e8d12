"""Deals a data set's records out to their roles; no record has two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from telltale.checks import whole_number
from telltale.data.digests import equal_pair, first_of_each
from telltale.data.records import Records
from telltale.errors import InputError
from telltale.writing import counted

R = TypeVar("R", bound=Records)
CHALLENGE = ("members", "non_members", "canaries")
LEAST = {"finetune": 2}  # records of a pool that is asked for at all; of others 1
FEW = 20  # records of a pool, below which a group that is most of it is not worth a word


@dataclass(frozen=True)
class PoolSizes:
    """How many records each role gets; members, non_members and canaries together are the challenge pool.

        members        each victim's training records
        non_members    challenge records that a victim is not trained on
        auxiliary      the attacker's own records
        disjoint       what the `disjoint` control is trained on
        test           the owner's held-out records
        population     records for shadows and reference points
        finetune       the downstream task's training records
        finetune_test  the downstream task's held-out records
        public         records known to all
        canaries       challenge records in each model by a coin of their own; all other members are in every model

    Raises InputError for a size below what an attack needs.
    """

    members: int
    non_members: int
    auxiliary: int
    disjoint: int = 0
    test: int = 0
    population: int = 0
    finetune: int = 0
    finetune_test: int = 0
    public: int = 0
    canaries: int = 0

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            whole_number(f"pools.{name}", size, 0)
        if self.canaries and self.non_members:
            expected = "0 beside pools.canaries: every other record is in every model"
            raise InputError("pools.non_members", self.non_members, expected)
        for name in ("members", "auxiliary"):
            whole_number(f"pools.{name}", getattr(self, name), expected="at least 1")
        if not self.canaries:
            expected = "at least 1; only where pools.canaries is above 0 it may be 0"
            whole_number("pools.non_members", self.non_members, expected=expected)


@dataclass(frozen=True)
class Pools(Generic[R]):
    """Pairwise disjoint records, each role's as `PoolSizes` says, and how they were dealt.

    challenge       records from which each victim's members are drawn; the rest are its non-members
    member_count    how many of them each victim is trained on
    source          the data set
    available       how many records it has
    canary_count    the last so many challenge records, each in a model by a coin of its own; all before them are in
                    every model
    canary_of       (canary_count,) ascending from 0, which canary each of them is a copy of: copies share a coin, and
                    the first is shown; None = each is one of its own
    assigned        the first `member_count` challenge records are the members of every model, because the others are
                    not of the owner's data set
    told            what was passed over while they were dealt, in a sentence each
    """

    challenge: R
    member_count: int
    auxiliary: R
    disjoint: R
    test: R
    population: R
    finetune: R
    finetune_test: R
    public: R
    source: str
    available: int
    canary_count: int = 0
    canary_of: np.ndarray | None = None
    assigned: bool = False
    told: tuple[str, ...] = ()

    @property
    def canaries(self) -> np.ndarray:
        """Say which canary each of the last challenge records is: (canary_count,)."""
        return np.arange(self.canary_count) if self.canary_of is None else self.canary_of

    @property
    def known(self) -> R:
        """Return records that are nobody's to protect: the public ones, else the attacker's own."""
        return self.public if len(self.public) else self.auxiliary

    @property
    def kind(self) -> str:
        """Name the kind of data."""
        return self.challenge.kind


def deal(records: R, sizes: PoolSizes, seed: int) -> Pools[R]:
    """Shuffle with `seed` and cut into pools; whoever reads the records drops or groups their duplicates.

    Raises InputError where a record is there twice, since it could come to lie in two pools, and, naming the
    pools, where there are too few records.
    """
    sides = {"challenge": sizes.members + sizes.non_members + sizes.canaries}
    others = {name: size for name, size in vars(sizes).items() if name not in CHALLENGE}
    told = list[str]()
    dealt = split(records, sides | others, seed, of_roles=vars(sizes), apart="challenge", told=told)
    return Pools(
        **dealt,
        member_count=sizes.members,
        canary_count=sizes.canaries,
        canary_of=None,
        assigned=False,
        source=records.source,
        available=len(records),
        told=tuple(told),
    )


def told_of(pools: Pools[Any]) -> list[str]:
    """Say what a reader has to know of how records were dealt out: left out, of few, or of some together."""
    return [*pools.told, *of_groups(pools), *of_one_group(pools)]


def of_groups(pools: Pools[Any]) -> list[str]:
    """Say of how many groups the challenge records are, where one has several: membership, intervals and ε are theirs.

    Planted records are left out.
    """
    count = len(pools.challenge) - len(pools.canaries)
    groups = getattr(pools.challenge, "groups", None)
    sizes = np.unique(groups[:count], return_counts=True)[1] if groups is not None and count else np.ones(1)
    if (most := int(sizes.max())) < 2:
        return []
    return [
        f"the {count:,} challenge records are of {len(sizes):,} groups (an author's, near-equal) of up to {most:,}: "
        "membership is by record, so that one of a group may be a member where another is none; intervals draw "
        f"records; an ε, where one is promised, is of one record: of {most:,} at most {most:,} times that, a larger δ"
    ]


def of_one_group(pools: Pools[Any]) -> list[str]:
    """Name, in a sentence each, the pools of which one group is more than half: they are no sample of the source."""
    said, names = list[str](), (name for name in PoolSizes.__dataclass_fields__ if name not in CHALLENGE)
    for name in ("challenge", *names):
        groups = getattr(getattr(pools, name), "groups", None)
        if groups is None or len(groups) < FEW:
            continue
        most = int(np.unique(groups, return_counts=True)[1].max())
        if 2 * most > len(groups):
            fate = "in one group (one author, near-equal texts): what it says of others, it says of that group"
            said.append(f"{most:,} of the {len(groups):,} records of the pool {name} are {fate}")
    return said


def _in_proportion(roles: Mapping[str, int], total: int, available: int) -> dict[str, int]:
    """Return sizes that there are records for, each as much smaller as the whole must be; of small ones the least.

    Empty where there are none.
    """
    fewer = {name: max(LEAST.get(name, 1), int(size * available / total)) for name, size in roles.items() if size}
    return fewer if sum(fewer.values()) <= available else {}


def _of_sides(roles: Mapping[str, int]) -> dict[str, int]:
    """Return the sizes of parts: what the user knows as several roles is one challenge part, the first."""
    challenge = sum(size for name, size in roles.items() if name in CHALLENGE)
    others = {name: size for name, size in roles.items() if name not in CHALLENGE}
    return ({"challenge": challenge} if challenge else {}) | others


def _offer(roles: Mapping[str, int], records: Any, groups: np.ndarray | None, seed: int) -> str:
    """Say which sizes would do, in the proportions that were asked for; nothing where none are found.

    groups: each in one part only, so that what is left of one at the end of a part is lost: sizes must do in the order
    of this seed and in four others.
    """
    total = sum(roles.values())
    if not total:
        return ""
    fewer = _in_proportion(roles, total, len(records))
    if groups is not None:
        rng = np.random.default_rng(seed)
        rows = [_in_whole_groups(groups, rng) for _ in range(5)]
        near, most = getattr(records, "near", None), min(total, len(records))
        offers = (_in_proportion(roles, total, int(most * share / 20)) for share in range(19, 0, -1))
        fewer = next((of for of in offers if of and all(_cut(*row, near, _of_sides(of)) for row in rows)), {})
    return ", e.g. " + " ".join(f"pools.{name}={size}" for name, size in fewer.items()) if fewer else ""


def split(
    records: R,
    sizes: Mapping[str, int],
    seed: int,
    field: str = "dataset",
    of_roles: Mapping[str, int] | None = None,
    apart: str = "",
    told: list[str] | None = None,
) -> dict[str, R]:
    """Shuffle with `seed` and cut into parts of these sizes, by name; equal seeds and sizes cut alike.

    field: what chose the records; of_roles: the sizes as the user knows them; apart: the part of whose near-equal
    records only one is in it, the others in none, counted in `told`. Raises InputError as `deal` does.
    """
    total, rng, groups = sum(sizes.values()), np.random.default_rng(seed), getattr(records, "groups", None)
    if groups is not None and len(np.unique(groups)) == len(groups):
        groups = None
    if total > len(records):
        named = " + ".join(f"{name} {size}" for name, size in (of_roles or sizes).items() if size)
        expected = f"records asked for ({named}), but {records.source} has {len(records)}; ask for fewer"
        raise InputError("pools", total, expected + _offer(of_roles or {}, records, groups, seed))
    if twins := equal_pair(records.fingerprints()):
        expected = f"expected distinct records, but those at positions {twins[0]} and {twins[1]} are the same"
        raise InputError(field, records.source, expected)
    if groups is None:
        order = rng.permutation(len(records))[:total]
        parts = np.split(order, np.cumsum(list(sizes.values()))[:-1])
    else:
        cut = _cut(*_in_whole_groups(groups, rng), getattr(records, "near", None), sizes, apart)
        if cut is None:
            several = f"{len(records)} in {len(np.unique(groups))} groups (one author, near-equal texts)"
            expected = f"records asked for, but {records.source} has {several}, and a group is in one pool only"
            offer = _offer(of_roles or {}, records, groups, seed)
            raise InputError("pools", total, f"{expected}; ask for fewer{offer}")
        parts, passed = cut
        if passed and told is not None:
            what = counted(passed, "record was", "records were")
            why = "near-equal to another, and would have been a member beside one that is none"
            told.append(f"{what} not taken into the pool {apart}: {why}")
    return {name: records.take(rows) for name, rows in zip(sizes, parts, strict=True)}


def _in_whole_groups(groups: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle groups, and records within them: positions in that order, (n,), and where in it a group begins.

    groups: (n,) int64, records of one number stay together.
    """
    numbers, group = np.unique(groups, return_inverse=True)
    shuffled = rng.permutation(len(groups))
    order = shuffled[np.argsort(rng.permutation(len(numbers))[group[shuffled]], kind="stable")]
    return order, np.flatnonzero(np.append(True, group[order[1:]] != group[order[:-1]]))


def _cut(
    order: np.ndarray, begins: np.ndarray, near: np.ndarray | None, sizes: Mapping[str, int], apart: str = "challenge"
) -> tuple[list[np.ndarray], int] | None:
    """Cut a row of groups into parts; what is left of a group at the end of a part is in no part.

    order, begins: as of `_in_whole_groups`; near: (n,), equal for near-equal records, of which one only is in the part
    `apart`. Returns the parts and how many such records were passed over; None where too few are left for a part.
    """
    parts, start, passed = list[np.ndarray](), 0, 0
    for name, size in sizes.items():
        places = np.arange(start, min(start + size, len(order)))
        if name == apart and near is not None:
            places = start + first_of_each(near[order[start:]])[:size]
        parts.append(order[places])
        end = int(places[-1]) + 1 if len(places) else start
        passed += end - start - len(places)
        next_group = np.searchsorted(begins, end)
        start = int(begins[next_group]) if next_group < len(begins) else len(order) + 1
        if len(parts[-1]) < size:
            return None
    return parts, passed
