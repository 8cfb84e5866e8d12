"""What a range is, whatever the kind of data: what is sampled from it, and which challenge points lie in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from telltale.checks import share, whole_number
from telltale.data.records import Records
from telltale.data.seeds import generator


@dataclass(frozen=True)
class RangeOptions:
    """How ranges are laid and sampled.

    ranges         how many are asked about, at most
    samples        records that are sampled from each
    most_inside    challenge records that may lie in one, at most
    similarity     least Tanimoto similarity to the centre (similar)
    missing        share of a row's columns that are not known (missing)
    rings          most frequent rings of the attacker's own molecules (contains)
    motifs         most frequent side chains, for fragments and for what is put in place of others
    largest_motif  heavy atoms of a side chain, at most
    """

    ranges: int = 1000
    samples: int = 16
    most_inside: int = 3
    similarity: float = 0.4
    missing: float = 0.25
    rings: int = 24
    motifs: int = 80
    largest_motif: int = 10

    def __post_init__(self) -> None:
        for name, least in (("ranges", 2), ("samples", 1), ("most_inside", 1)):
            whole_number(f"attack.{name}", getattr(self, name), least, 1_000_000)
        share("attack.similarity", self.similarity)
        share("attack.missing", self.missing, whole=False)


@dataclass(frozen=True, eq=False)
class Ranges:
    """Ranges that are asked about. No challenge point lies in two of them, so that each is a coin of its own.

    names      (ranges,) what each is, for people
    centres    the record that each is laid around, (ranges) records
    samples    records of each, those of one range side by side: (ranges · number)
    number     of samples a range
    inside     (ranges, challenge points) bool: which lie in it
    known      (ranges,) how many of the attacker's own records lie in it; None = it has none of the kind
    including  returns the samples with the challenge points that lie in each range among them, whether members or not
    """

    names: tuple[str, ...]
    centres: Records
    samples: Records
    number: int
    inside: np.ndarray
    known: np.ndarray | None
    including: Callable[[], Records]


def packed(inside: np.ndarray, most_inside: int, ranges: int, seed: int) -> np.ndarray:
    """Choose ranges with challenge points in them, of which none lies in two: positions, (chosen,).

    inside: (ranges, points) bool. At random, the first that fits first. Membership plays no part, nor what any model
    says. Common ones, with more than `most_inside` points, are left out: almost all of them are in any training set.
    """
    numbers = inside.sum(1)
    taken = np.zeros(inside.shape[1], bool)
    chosen: list[int] = []
    for place in generator(seed, "ranges").permutation(np.flatnonzero((numbers > 0) & (numbers <= most_inside))):
        if len(chosen) < ranges and not (taken & inside[place]).any():
            chosen.append(int(place))
            taken |= inside[place]
    return np.array(sorted(chosen), int)
