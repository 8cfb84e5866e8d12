"""Deals a data set's records out to their roles; no record has two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from src.data.digests import equal_pair
from src.data.records import Records
from src.errors import InputError

R = TypeVar("R", bound=Records)
CHALLENGE = ("members", "non_members", "canaries")


@dataclass(frozen=True)
class PoolSizes:
    """How many records each role gets; members, non_members and canaries together are the challenge pool."""

    members: int
    non_members: int
    auxiliary: int
    disjoint: int = 0
    test: int = 0
    population: int = 0
    finetune: int = 0
    public: int = 0
    canaries: int = 0

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if isinstance(size, bool) or not isinstance(size, int) or size < 0:
                raise InputError(f"pools.{name}", size, "a whole number from 0")
        if self.canaries and self.non_members:
            expected = "0 beside pools.canaries: every other record is in every model"
            raise InputError("pools.non_members", self.non_members, expected)
        for name in ("members", "auxiliary") if self.canaries else ("members", "non_members", "auxiliary"):
            if getattr(self, name) < 1:
                raise InputError(f"pools.{name}", getattr(self, name), "at least 1")


@dataclass(frozen=True)
class Pools(Generic[R]):
    """Pairwise disjoint records.

    challenge: from which each victim's members are drawn, the rest are its non-members; canaries: where there are
    any, so many of the last challenge records, each in a model by a coin of its own, while all before them are in
    every model; auxiliary: the attacker's own; disjoint: what the `disjoint` control is trained on; test: the
    owner's held-out records; population: for shadows and reference points; finetune: downstream training; public:
    known to all.
    """

    challenge: R
    members: int
    auxiliary: R
    disjoint: R
    test: R
    population: R
    finetune: R
    public: R
    source: str
    available: int
    canaries: int = 0

    @property
    def kind(self) -> str:
        """Name the kind of data."""
        return self.challenge.kind


def deal(records: R, sizes: PoolSizes, seed: int) -> Pools[R]:
    """Shuffle with `seed` and cut into pools; whoever reads the records drops or groups their duplicates.

    Raises InputError where a record is there twice, since it could come to lie in two pools, and, naming the
    pools, where there are too few records.
    """
    wanted = {
        "challenge": sizes.members + sizes.non_members + sizes.canaries,
        **{name: size for name, size in vars(sizes).items() if name not in CHALLENGE},
    }
    if sum(wanted.values()) > len(records):
        asked = " + ".join(f"{name} {size}" for name, size in vars(sizes).items() if size)
        raise InputError(
            "pools",
            sum(wanted.values()),
            f"records asked for ({asked}), but {records.source} has {len(records)}; ask for fewer",
        )
    if twins := equal_pair(records.fingerprints()):
        expected = f"expected distinct records, but those at positions {twins[0]} and {twins[1]} are the same"
        raise InputError("dataset", records.source, expected)
    order = np.random.default_rng(seed).permutation(len(records))[: sum(wanted.values())]
    parts = np.split(order, np.cumsum(list(wanted.values()))[:-1])
    dealt = {name: records.take(rows) for name, rows in zip(wanted, parts, strict=True)}
    return Pools(
        **dealt,
        members=sizes.members,
        canaries=sizes.canaries,
        source=records.source,
        available=len(records),
    )
