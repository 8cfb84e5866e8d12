"""What stands on both sides of a given split: equal records, people, classes; told before a model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from telltale.data.digests import digests_of, earliest
from telltale.data.given import Given, groups_of
from telltale.data.plain_numbers import texts_of
from telltale.errors import InputError
from telltale.game.answers import OPTIONAL, Answers
from telltale.writing import counted, escaped

SHOWN = 3


def apart(given: Given) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the rows whose record occurs once, and what there is to tell of both sides.

    Of a record that stands on both sides nobody can say that the model did not see it. To leave its rows out of one
    side alone would make the other side the more usual one, and a model that remembers nothing would look as if it
    did. So would the rows of a record that happens to stand on one side only: it has k rows on the larger side the more
    often than on the smaller, the larger k is. Only of records that occur once does a random split say nothing. Labels
    do not count. Raises InputError where a side has no such record.
    """
    assert given.member is not None
    molecules = getattr(given.records, "kind", "") == "molecules" and isinstance(given.inputs, list)
    known = given.records.smiles.astype(str) if molecules else keys_of(given.inputs)  # canonical already
    keys, member = earliest(known), given.member
    often = np.bincount(keys, minlength=len(keys))[keys] > 1
    across = np.isin(keys, np.intersect1d(keys[member], keys[~member]))
    for side, rows in (("members", member), ("held-out records", ~member)):
        if often[rows].all():
            all_of = f"each of the {rows.sum():,} {side} of {given.source} equals another record: none is left to judge"
            hint = "; list each record once" if not across.any() else ""
            raise InputError("dataset.members", given.source, all_of + hint)
    said = []
    for rows, what in ((across, "of the other side"), (often & ~across, "of their own side")):
        if rows.any():
            counted = f"{(rows & member).sum():,} members and {(rows & ~member).sum():,} held-out records"
            names = _shown(given.ids[rows].tolist())
            said.append(f"{counted} equal a record {what} and are not judged ({names})")
    kept = np.flatnonzero(~often)
    return kept, (*said, *_one_sided(given.take(kept)))


def _one_sided(given: Given) -> list[str]:
    """Tell of groups that stand on both sides, and of classes that do not."""
    member, said = given.member, []
    assert member is not None
    if given.groups is not None:
        both = np.intersect1d(given.groups[member], given.groups[~member])
        number = len(np.unique(given.groups[given.groups >= 0]))
        if len(both):
            what = "have members and held-out records, which may look alike for that alone"
            said.append(f"{len(both):,} of {number:,} groups (dataset.group) {what}")
        said += without_group(given.groups)
    if given.classes and given.labels is not None:
        for side, rows in (("held-out records", ~member), ("members", member)):
            held = np.bincount(given.labels[rows], minlength=len(given.classes))
            there = np.bincount(given.labels, minlength=len(given.classes))
            if len(lacking := np.flatnonzero((held == 0) & (there > 0))):
                names = _shown([given.classes[label] for label in lacking.tolist()])
                classes = "1 class has" if len(lacking) == 1 else f"{len(lacking):,} classes have"
                said.append(f"{classes} no {side} ({names}): whoever knows the class knows the side")
    return said


def one_record_an_id(answers: Answers) -> tuple[Answers, tuple[str, ...]]:
    """Return answers in which no id stands for a member and for a non-member of one model, and what there is to tell.

    Where an id does, its record cannot be judged, and all rows go whose id occurs more than once: see `apart`. Where
    rows of an id are on one side throughout, they stay, and are one draw unless groups say otherwise. Rows without an
    id are each by themselves. Raises InputError where none of a side is left.
    """
    if answers.ids is None:
        return answers, ()
    keys = groups_of(answers.ids)
    _, first, place, number = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    often, membership = number[place] > 1, answers.membership
    if not often.any():
        return answers, ()
    differ = (membership != membership[:, first[place]]).any(0)
    across = np.isin(place, place[differ])
    if not across.any():
        what = f"{counted(int((number > 1).sum()), 'id')} ({_shown(answers.ids[often])}) stand for several rows each"
        drawn = "which are one draw" if answers.groups is None else "which are drawn by their groups"
        return replace(answers, groups=keys if answers.groups is None else answers.groups), (f"{what}, {drawn}",)
    said = []
    for rows, of in ((across, "that stands on the other side, too,"), (often & ~across, "that occurs more than once")):
        if rows.any():
            inside, outside = int((rows & membership[0]).sum()), int((rows & ~membership[0]).sum())
            sides = f"{counted(inside, 'member')} and {counted(outside, 'non-member')}"
            whose = "" if answers.models == 1 else " of model 0"
            said.append(f"{sides}{whose} have an id {of} and are not judged ({_shown(answers.ids[rows])})")
    kept = np.flatnonzero(~often)
    if not all(side[:, kept].any(1).all() for side in (membership, ~membership)):
        expected = f"none is left to judge: {'; '.join(said)}; give each record an id of its own"
        raise InputError("scores.ids", answers.source, expected)
    of_points = {name: getattr(answers, name) for name in OPTIONAL if "population" not in name}
    taken = {name: array[kept] for name, array in of_points.items() if array is not None}
    return replace(answers, answers=answers.answers[:, kept], membership=membership[:, kept], **taken), tuple(said)


def without_group(groups: np.ndarray | None) -> tuple[str, ...]:
    """Say how many records have no group, (n,) below 0, where some have."""
    if groups is None or not (groups < 0).any():
        return ()
    return (f"{(groups < 0).sum():,} of {len(groups):,} records have no group and are each by itself",)


def _shown(names: Sequence[Any] | np.ndarray) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(escaped(str(name)) for name in names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def keys_of(inputs: Any) -> np.ndarray:
    """Return a key of each record, equal for equal inputs: (n,). Arrays by their bytes, data frames by their rows.

    SMILES of one molecule, however written, are one; texts that are no SMILES as they are.
    """
    if (texts := texts_of(inputs)) is not None:
        from telltale.data.molecules.canonical import canonicalise

        spelled = [canonical or text for text, canonical in zip(texts, canonicalise(texts), strict=True)]
        return np.unique(np.array(spelled, dtype=object).astype(str), return_inverse=True)[1]
    if hasattr(inputs, "iloc"):
        import pandas as pd

        try:
            return np.asarray(pd.util.hash_pandas_object(inputs, index=False))
        except TypeError:  # cells are lists, say
            return keys_of([repr(cells) for cells in inputs.to_numpy(object).tolist()])
    if hasattr(inputs, "bytes_of"):
        return digests_of(inputs.bytes_of())
    try:
        values = np.asarray(inputs)
    except ValueError:  # records of different shapes: only their owner can tell twins
        return np.arange(len(inputs))
    return digests_of(values if values.dtype != object else values.astype(str))
