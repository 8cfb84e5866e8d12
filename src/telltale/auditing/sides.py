"""What stands on both sides of a given split: equal records, people, classes; told before a model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from telltale.data.digests import digests_of, earliest
from telltale.data.given import Given
from telltale.errors import InputError
from telltale.writing import escaped

SHOWN = 3


def apart(given: Given) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the rows without held-out ones that equal a member, and what there is to tell of both sides.

    Whoever holds such a record holds a member: it is no record that the model did not see. Labels do not count.
    Raises InputError where no held-out record is left.
    """
    assert given.member is not None
    molecules = getattr(given.records, "kind", "") == "molecules" and isinstance(given.inputs, list)
    known = given.records.smiles.astype(str) if molecules else keys_of(given.inputs)  # canonical already
    keys, member = earliest(known), given.member
    both = ~member & np.isin(keys, keys[member])
    if both.sum() == (~member).sum():
        expected = (
            f"each of the {both.sum():,} held-out records of {given.source} equals a member: none is left to judge"
        )
        raise InputError("dataset.members", given.source, expected)
    said = []
    if both.any():
        names = _shown(given.ids[both].tolist())
        said.append(f"{both.sum():,} held-out records equal a member and are not judged as held-out ({names})")
    for side, rows in (("members", member), ("held-out records", ~member & ~both)):
        if again := int(rows.sum()) - len(np.unique(keys[rows])):
            said.append(f"{again:,} of {rows.sum():,} {side} equal an earlier one of them and are judged as often")
    rows = np.flatnonzero(~both)
    return rows, (*said, *_one_sided(given.take(rows)))


def _one_sided(given: Given) -> list[str]:
    """Tell of groups that stand on both sides, and of classes that do not."""
    member, said = given.member, []
    assert member is not None
    if given.groups is not None:
        both = np.intersect1d(given.groups[member], given.groups[~member])
        number = len(np.unique(given.groups))
        if len(both):
            what = "have members and held-out records, which may look alike for that alone"
            said.append(f"{len(both):,} of {number:,} groups (dataset.group) {what}")
    if given.classes and given.labels is not None:
        for side, rows in (("held-out records", ~member), ("members", member)):
            held = np.bincount(given.labels[rows], minlength=len(given.classes))
            there = np.bincount(given.labels, minlength=len(given.classes))
            if len(lacking := np.flatnonzero((held == 0) & (there > 0))):
                names = _shown([given.classes[label] for label in lacking.tolist()])
                classes = "1 class has" if len(lacking) == 1 else f"{len(lacking):,} classes have"
                said.append(f"{classes} no {side} ({names}): whoever knows the class knows the side")
    return said


def _shown(names: Sequence[Any]) -> str:
    return ", ".join(escaped(str(name)) for name in names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


@singledispatch
def keys_of(inputs: Any) -> np.ndarray:
    """Return a key of each record, equal for equal inputs: (n,). Arrays by their bytes, data frames by their rows."""
    if hasattr(inputs, "iloc"):
        import pandas as pd

        return np.asarray(pd.util.hash_pandas_object(inputs, index=False))
    if hasattr(inputs, "bytes_of"):
        return digests_of(inputs.bytes_of())
    values = np.asarray(inputs)
    return digests_of(values if values.dtype != object else values.astype(str))


@keys_of.register
def _(inputs: list) -> np.ndarray:
    """Take SMILES of one molecule, however written, for one; texts that are no SMILES as they are."""
    if not all(isinstance(text, str) for text in inputs):
        try:
            return digests_of(np.asarray(inputs))
        except ValueError:  # records of different shapes: only their owner can tell twins
            return np.arange(len(inputs))
    from telltale.data.molecules.canonical import canonicalise

    texts = [canonical or text for text, canonical in zip(inputs, canonicalise(inputs), strict=True)]
    return np.unique(np.array(texts, dtype=object).astype(str), return_inverse=True)[1]
