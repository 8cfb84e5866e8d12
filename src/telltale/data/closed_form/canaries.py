"""Orthogonal canaries: what a linear model learns of one says nothing of another.

Each record has a coordinate of its own, so that one step from random weights moves a member's logits by a known
amount against noise that is independent from record to record. `telltale.evaluation.closed_form` derives the ROC curve.
"""

from __future__ import annotations

import numpy as np

from telltale.checks import number, whole_number
from telltale.data.closed_form.labelled import with_random_labels
from telltale.data.seeds import generator
from telltale.data.tables.records import ReadTable


def load(records: int, scale: float, seed: int = 0) -> ReadTable:
    """Return the rows of `scale` times the identity, as many as there are records, a fair coin for each label.

    Takes 4 records² bytes. Raises InputError for an option out of range.
    """
    whole_number("dataset.records", records, 2, 20_000)
    whole_number("dataset.seed", seed, 0)
    number("dataset.scale", scale, above=0, expected="a number above 0")
    features = np.zeros((records, records), np.float32)
    np.fill_diagonal(features, scale)
    return with_random_labels(features, generator(seed, "canaries"), f"canaries ({records:,})")
