"""Which texts belong together, which groups are public, and how many texts of a group are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from telltale.data.texts.alike import alike
from telltale.data.texts.records import TextRecords, text_digests
from telltale.writing import counted


def joined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Number the groups of what shares a group of either kind: (n,), (n,) -> (n,) int64."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first, second = (np.unique(groups, return_inverse=True)[1] for groups in (one, other))
    size = len(one) and int(first.max()) + int(second.max()) + 2
    edges = coo_matrix(
        (np.ones(len(one), np.int8), (first, second + (len(one) and int(first.max()) + 1))), (size, size)
    )
    return np.asarray(connected_components(edges, directed=False)[1][first], np.int64)


def is_public(digests: np.ndarray, groups: np.ndarray, part: float) -> np.ndarray:
    """Tell which documents are public: whole groups, by the least digest of a text in each; (n,) S16 -> (n,) bool.

    No seed is in it: whatever is dealt out, and however often, the tokenizer has seen none of it.
    """
    halves = np.ascontiguousarray(digests).view(">u8").reshape(-1, 2).astype(np.uint64)
    _, of = np.unique(groups, return_inverse=True)
    order = np.lexsort((halves[:, 0], of))
    _, first = np.unique(of[order], return_index=True)
    drawn = halves[order[first], 1]  # the other half of the least: of the least itself a large group's are small
    return drawn[of] < np.uint64(int(part * 2**64))


def grouped_once_cut(records: TextRecords, seen: Sequence[str], public: Sequence[str], told: list[str]) -> TextRecords:
    """Put texts that are near-equal in what a model sees of them into one group, and leave out those like a public one.

    seen, public: what is left of each record and of each public text once it is cut.
    """
    assert records.near_equal is not None and records.near is not None
    near = alike([*seen, *public], records.near_equal)
    near, of_public = near[: len(records)], near[len(records) :]
    known = np.isin(near, of_public)
    if count := int(known.sum()):
        what = counted(count, "text is near-equal to a public one", "texts are near-equal to public ones")
        told.append(f"once cut, {what} and {'was' if count == 1 else 'were'} left out")
        records, near = records.take(~known), near[~known]
    assert records.near is not None
    before, near = records.near, joined(records.near, near)
    if count := len(np.unique(before)) - len(np.unique(near)):
        what = counted(count, "more text is", "more texts are")
        told.append(f"once cut, {what} near-equal to an earlier one and in one group with it")
    return replace(records, near=near, groups=joined(records.groups, near))


def at_most(records: TextRecords, most: int | None, told: list[str]) -> TextRecords:
    """Leave out what a group has beyond `most` texts, those of the largest digests; None = nothing.

    No seed is in it, nor the order of the texts: all runs on the same texts keep the same ones.
    """
    if most is None:
        return records
    order = np.lexsort((text_digests(records.texts.tolist()), records.groups))
    _, begins, sizes = np.unique(records.groups[order], return_index=True, return_counts=True)
    kept = np.zeros(len(records), bool)
    kept[order[np.arange(len(order)) - np.repeat(begins, sizes) < most]] = True
    if left := int((~kept).sum()):
        of = f"{counted(left, 'text', 'texts')} of {counted(int((sizes > most).sum()), 'group', 'groups')}"
        why = f"of more than {most:,} (one author, near-equal texts) were left out (dataset.most_per_group)"
        told.append(f"{of} {why}")
    return records.take(kept)
