"""Two captioned data sets as two sources: the owner's own, and another that shadows or non-members come from."""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.data.captions.read import ReadCaptions
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.shown import joined
from telltale.data.images.records import pixel_digests
from telltale.errors import InputError


def load(own: Any, other: Any, nonmember_source: str = "same") -> ReadCaptions:
    """Return the records of both sets, `own` first; both are what their loaders returned.

    A picture that `own` has is left out of the other set and counted as a duplicate: else a member's twin could be a
    non-member. nonmember_source: same | other_dataset. Raises InputError where they are no captioned pictures of one
    shape, where the other set has none of its own, and where both are scenes of one source.
    """
    for part in (own, other):
        if not isinstance(part.records, CaptionedImages) or len(part.records.source_names) != 1:
            raise InputError("dataset", part.records.source, "expected captioned pictures of one source each")
    first, second = own.records, other.records
    if first.shape != second.shape:
        expected = f"pictures of shape {first.shape}, as {first.source} has; set both sizes alike"
        raise InputError("dataset.other", second.shape, expected)
    if first.shown is not None and second.shown is not None and first.source_names == second.source_names:
        raise InputError("dataset.other", second.source, "expected another source: both are drawn from one law")
    new = ~np.isin(pixel_digests(second.images), pixel_digests(first.images))
    if not new.any():
        raise InputError("dataset.other", second.source, f"expected pictures that {first.source} has not")
    second = second.take(new)
    records = CaptionedImages(
        np.concatenate([first.images, second.images]),
        first.references + second.references,
        np.concatenate([first.concepts, second.concepts + first.concepts.max(initial=-1) + 1]),
        np.repeat(np.arange(2), [len(first), len(second)]),
        first.source_names + second.source_names,
        first.names + second.names,
        f"{first.source} and {second.source}",
        nonmember_source,
        joined(first.shown, second.shown),
    )
    return ReadCaptions(
        records=records,
        lines=own.lines + other.lines,
        duplicates=own.duplicates + other.duplicates + int((~new).sum()),
        conflicts=own.conflicts + other.conflicts,
        invalid=own.invalid + other.invalid,
        dropped=own.dropped + other.dropped,
        told=own.told + other.told,
    )
