"""Two captioned data sets as two sources: the owner's own, and another that shadows or non-members come from."""

from __future__ import annotations

from typing import Any

import numpy as np

from src.data.captions.read import ReadCaptions
from src.data.captions.records import CaptionedImages
from src.errors import InputError


def load(own: Any, other: Any, nonmember_source: str = "same") -> ReadCaptions:
    """Return the records of both sets, `own` first; both are what their loaders returned.

    nonmember_source: same | other_dataset. Raises InputError where they are no captioned pictures of one shape.
    """
    first, second = own.records, other.records
    for records in (first, second):
        if not isinstance(records, CaptionedImages) or len(records.source_names) != 1:
            raise InputError("dataset", records.source, "expected captioned pictures of one source each")
    if first.shape != second.shape:
        expected = f"pictures of shape {first.shape}, as {first.source} has; set both sizes alike"
        raise InputError("dataset.other", second.shape, expected)
    counts = [len(first), len(second)]
    records = CaptionedImages(
        np.concatenate([first.images, second.images]),
        first.references + second.references,
        np.concatenate([first.concepts, second.concepts + first.concepts.max(initial=-1) + 1]),
        np.repeat(np.arange(2), counts),
        first.source_names + second.source_names,
        first.names + second.names,
        f"{first.source} and {second.source}",
        nonmember_source,
    )
    return ReadCaptions(
        records, own.duplicates + other.duplicates, own.lines + other.lines, own.invalid + other.invalid
    )
